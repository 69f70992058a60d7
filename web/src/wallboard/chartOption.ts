/** What ECharts is told: calls a minute as bars (answered and abandoned stacked), offered and waiting as lines. */

import type { EChartsCoreOption } from "echarts/core";
import type { MinuteSum } from "../board/minutes";
import type { Format } from "../i18n/format";
import { FONTS } from "../ui/theme";

type Series = Exclude<keyof MinuteSum, "minute">;

const LOWEST_SCALE = 4;

export function chartOption(
  points: readonly MinuteSum[],
  names: Readonly<Record<Series, string>>,
  format: Format,
  style: CSSStyleDeclaration,
): EChartsCoreOption {
  const colour = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  const size = Math.max(12, Math.min(18, window.innerWidth * 0.0075));
  const text = { color: colour("ink-3"), fontSize: size, fontFamily: FONTS };
  const highest = Math.max(...points.flatMap((point) => [point.offered, point.answered + point.abandoned, point.waitingMax]));
  const values = (series: Series) => points.map((point) => point[series]);
  const line = (series: Series, tone: string, dashed: boolean) => ({
    name: names[series],
    type: "line",
    data: values(series),
    step: "middle",
    symbol: "none",
    lineStyle: { width: 2.5, color: tone, type: dashed ? [6, 4] : "solid" },
    itemStyle: { color: tone },
    emphasis: { disabled: true },
    z: 3,
  });
  const bar = (series: Series, tone: string, radius: number[]) => ({
    name: names[series],
    type: "bar",
    stack: "ended",
    data: values(series),
    barWidth: "62%",
    itemStyle: { color: tone, borderRadius: radius },
    emphasis: { disabled: true },
  });
  return {
    animationDuration: 0,
    animationDurationUpdate: 250,
    grid: { left: 4, right: 8, top: 14, bottom: 2, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    tooltip: {
      trigger: "axis",
      axisPointer: { type: "shadow", shadowStyle: { color: colour("track"), opacity: 0.5 } },
      backgroundColor: colour("panel"),
      borderColor: colour("panel-edge"),
      textStyle: { color: colour("ink"), fontFamily: FONTS, fontSize: size },
      valueFormatter: (value: unknown) => format.count(Number(value)),
    },
    xAxis: {
      type: "category",
      data: points.map((point) => format.minute(point.minute)),
      axisLine: { lineStyle: { color: colour("panel-edge") } },
      axisTick: { show: false },
      axisLabel: { ...text, interval: (index: number) => (points[index]?.minute ?? 1) % 300_000 === 0 },
    },
    yAxis: {
      type: "value",
      minInterval: 1,
      min: 0,
      // A quiet company still gets a scale with room in it; null leaves the end to ECharts.
      max: highest < LOWEST_SCALE ? LOWEST_SCALE : null,
      axisLabel: { ...text, formatter: (value: number) => format.count(value) },
      splitLine: { lineStyle: { color: colour("grid") } },
    },
    series: [
      bar("answered", colour("chart-answered"), [0, 0, 0, 0]),
      bar("abandoned", colour("chart-abandoned"), [3, 3, 0, 0]),
      line("offered", colour("chart-offered"), false),
      line("waitingMax", colour("chart-waiting"), true),
    ],
  };
}
