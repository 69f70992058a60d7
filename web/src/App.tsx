import { useEffect, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { FormatContext, formatOf } from "./i18n";
import { isLanguage } from "./i18n/language";
import { KeyForm } from "./session/KeyForm";
import { claimKey, forgetKey, keepKey } from "./session/key";
import { Wallboard } from "./wallboard/Wallboard";

const DEFAULT_TENANT = "demo";

const tenantOfAddress = (): string => new URLSearchParams(window.location.search).get("tenant") || DEFAULT_TENANT;

/** The address names the tenant, so that a wall screen's bookmark brings it back. */
function showTenant(tenant: string): void {
  const address = new URL(window.location.href);
  address.searchParams.set("tenant", tenant);
  history.replaceState(null, "", address);
}

export function App() {
  const { i18n } = useTranslation();
  const format = useMemo(() => formatOf(isLanguage(i18n.language) ? i18n.language : "en"), [i18n.language]);
  const [tenant, setTenant] = useState(tenantOfAddress);
  const [key, setKey] = useState(claimKey);

  useEffect(() => {
    const claim = () => setKey(claimKey());
    window.addEventListener("hashchange", claim);
    return () => window.removeEventListener("hashchange", claim);
  }, []);

  const choose = (chosen: string) => {
    showTenant(chosen);
    setTenant(chosen);
  };
  const enter = (entered: string) => {
    keepKey(entered);
    setKey(entered);
  };
  const leave = () => {
    forgetKey();
    setKey(null);
  };

  return (
    <FormatContext value={format}>
      {key === null ? (
        <KeyForm onKey={enter} />
      ) : (
        <Wallboard key={`${tenant}\n${key}`} tenant={tenant} apiKey={key} onTenant={choose} onLeave={leave} />
      )}
    </FormatContext>
  );
}
