import { useTranslation } from "react-i18next";
import type { AgentFigures, EmergencyCall } from "../board/wire";
import { useFormat } from "../i18n";
import { Critical } from "../ui/icons";
import styles from "./ConnectionBanner.module.css";

interface EmergencyBannerProps {
  readonly emergencies: readonly EmergencyCall[];
  readonly agents: ReadonlyMap<string, AgentFigures>;
  readonly now: number;
}

/** Somebody calls for help: who, which number, and where from, as long as the call runs. */
export function EmergencyBanner({ emergencies, agents, now }: EmergencyBannerProps) {
  const { t } = useTranslation();
  const format = useFormat();
  return emergencies.map(({ callId, number, agentId, seatId, branchId, since }) => (
    <div key={callId} className={styles.banner} data-testid={`emergency-${callId}`}>
      <Critical size={26} />
      <strong role="alert" className={styles.text}>
        {t("emergency.runs", { agent: agents.get(agentId)?.name ?? agentId, number })}
      </strong>
      <span>{[branchId, seatId].filter((place) => place !== "").join(" · ")}</span>
      {since === null ? null : <span>{format.duration(Math.max(0, now - since))}</span>}
    </div>
  ));
}
