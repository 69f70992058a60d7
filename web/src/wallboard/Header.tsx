import { useTranslation } from "react-i18next";
import type { Link } from "../board/connection";
import { useFormat } from "../i18n";
import type { Tenant } from "../session/api";
import { ViewControls } from "../ui/ViewControls";
import { Logo } from "../ui/icons";
import { useTick } from "../ui/useTick";
import styles from "./Header.module.css";

interface HeaderProps {
  readonly tenant: string;
  readonly tenants: readonly Tenant[];
  readonly link: Link;
  readonly offset: number;
  readonly onTenant: (tenant: string) => void;
}

export function Header({ tenant, tenants, link, offset, onTenant }: HeaderProps) {
  const { t } = useTranslation();
  return (
    <header className={styles.header}>
      <Logo size={34} />
      <div className={styles.names}>
        <TenantName tenant={tenant} tenants={tenants} onTenant={onTenant} />
        <span className={styles.product}>Seatbus · {t("app.title")}</span>
      </div>
      <span className={styles.space} />
      <LinkState link={link} />
      <WallClock offset={offset} />
      <span className={styles.controls}>
        <ViewControls />
      </span>
    </header>
  );
}

type TenantNameProps = Pick<HeaderProps, "tenant" | "tenants" | "onTenant">;

function TenantName({ tenant, tenants, onTenant }: TenantNameProps) {
  const { t } = useTranslation();
  if (tenants.length < 2) {
    return <h1 className={styles.tenant}>{tenants.find(({ id }) => id === tenant)?.name ?? tenant}</h1>;
  }
  const known = tenants.some(({ id }) => id === tenant);
  return (
    <h1 className={styles.tenant}>
      <select
        className={styles.select}
        aria-label={t("tenant.label")}
        value={tenant}
        onChange={(event) => onTenant(event.currentTarget.value)}
      >
        {known ? null : <option value={tenant}>{tenant}</option>}
        {tenants.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </select>
    </h1>
  );
}

function LinkState({ link }: { readonly link: Link }) {
  const { t } = useTranslation();
  const text = link.status === "live" ? "link.live" : link.status === "lost" ? "link.lost" : "link.connecting";
  return (
    <span className={styles.link} data-status={link.status} data-testid="link">
      <span className={styles.dot} aria-hidden="true" />
      {t(text)}
    </span>
  );
}

function WallClock({ offset }: { readonly offset: number }) {
  const format = useFormat();
  const now = useTick() + offset;
  return (
    <time className={styles.clock} dateTime={new Date(now).toISOString()}>
      {format.time(now)}
      <span className={styles.zone}>{format.zone(now)}</span>
    </time>
  );
}
