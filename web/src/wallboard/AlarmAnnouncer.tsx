import { VisuallyHidden } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Alarm } from "../board/alarms";
import type { QueueFigures } from "../board/wire";

interface AlarmAnnouncerProps {
  readonly alarms: readonly Alarm[];
  readonly queues: ReadonlyMap<string, QueueFigures>;
}

/** Speaks an alarm once when it is raised or changes its level: no ticking figures here. */
export function AlarmAnnouncer({ alarms, queues }: AlarmAnnouncerProps) {
  const { t } = useTranslation();
  return (
    <VisuallyHidden>
      <ul aria-live="assertive" aria-relevant="additions text" data-testid="alarms">
        {alarms.map(({ queueId, kind, level }) => (
          <li key={`${queueId} ${kind} ${level}`}>
            {t("alarm.spoken", { queue: queues.get(queueId)?.name ?? queueId, alarm: t(`alarm.${kind}.${level}`) })}
          </li>
        ))}
      </ul>
    </VisuallyHidden>
  );
}
