import { VisuallyHidden, useComputedColorScheme } from "@mantine/core";
import { BarChart, LineChart } from "echarts/charts";
import { GridComponent, TooltipComponent } from "echarts/components";
import { type EChartsType, init, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import { useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { type MinuteTable, lastMinutes, startOfMinute } from "../board/minutes";
import type { QueueFigures } from "../board/wire";
import { useFormat } from "../i18n";
import styles from "./MinutesChart.module.css";
import { chartOption } from "./chartOption";

use([BarChart, LineChart, GridComponent, TooltipComponent, CanvasRenderer]);

interface MinutesChartProps {
  readonly minutes: MinuteTable;
  readonly queues: readonly QueueFigures[];
  readonly now: number;
}

const SERIES = ["offered", "answered", "abandoned", "waitingMax"] as const;

export default function MinutesChart({ minutes, queues, now }: MinutesChartProps) {
  const { t } = useTranslation();
  const format = useFormat();
  const scheme = useComputedColorScheme("dark");
  const [chosen, setChosen] = useState<string | null>(null);
  const queueId = queues.some(({ id }) => id === chosen) ? chosen : null;
  const minute = startOfMinute(now);
  const points = useMemo(() => lastMinutes(minutes, minute, queueId), [minutes, minute, queueId]);
  const canvas = useRef<HTMLDivElement>(null);
  const chart = useRef<EChartsType | null>(null);

  useEffect(() => {
    if (canvas.current === null) return;
    const made = init(canvas.current);
    chart.current = made;
    const resized = new ResizeObserver(() => made.resize());
    resized.observe(canvas.current);
    return () => {
      resized.disconnect();
      made.dispose();
      chart.current = null;
    };
  }, []);

  const names = useMemo(
    () => ({
      offered: t("chart.offered"),
      answered: t("chart.answered"),
      abandoned: t("chart.abandoned"),
      waitingMax: t(queueId === null && queues.length > 1 ? "chart.waitingMaxAll" : "chart.waitingMax"),
    }),
    [t, queueId, queues.length],
  );

  useEffect(() => {
    if (canvas.current === null) return;
    chart.current?.setOption(chartOption(points, names, format, getComputedStyle(canvas.current)));
    // `scheme` stands for the colours that the computed style then has.
  }, [points, names, format, scheme]);

  const summary = t("chart.summary", {
    offered: points.reduce((sum, point) => sum + point.offered, 0),
    answered: points.reduce((sum, point) => sum + point.answered, 0),
    abandoned: points.reduce((sum, point) => sum + point.abandoned, 0),
    waiting: points.reduce((most, point) => Math.max(most, point.waitingMax), 0),
  });
  return (
    <section className={styles.panel} aria-label={t("chart.label")}>
      <header className={styles.head}>
        <h2 className={styles.title}>{t("chart.label")}</h2>
        <ul className={styles.legend}>
          {SERIES.map((series) => (
            <li key={series} data-series={series}>
              {names[series]}
            </li>
          ))}
        </ul>
        {queues.length > 1 ? (
          <select
            className={styles.select}
            aria-label={t("chart.queue")}
            value={queueId ?? ""}
            onChange={(event) => setChosen(event.currentTarget.value || null)}
          >
            <option value="">{t("chart.allQueues")}</option>
            {queues.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        ) : null}
      </header>
      <VisuallyHidden data-testid="chart-summary">{summary}</VisuallyHidden>
      <div ref={canvas} className={styles.canvas} aria-hidden="true" />
    </section>
  );
}
