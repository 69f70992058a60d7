import { Button, PasswordInput } from "@mantine/core";
import { type FormEvent, type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { Logo } from "../ui/icons";
import { ViewControls } from "../ui/ViewControls";
import styles from "./KeyForm.module.css";

/** A small page in the middle of the screen: for a missing key, and for what a refused one has to say. */
export function Doorway({ children }: { readonly children: ReactNode }) {
  return (
    <div className={styles.page}>
      <header className={styles.controls}>
        <ViewControls />
      </header>
      <main className={styles.box}>
        <div className={styles.brand}>
          <Logo size={40} />
          <span>Seatbus</span>
        </div>
        {children}
      </main>
    </div>
  );
}

export function KeyForm({ onKey }: { readonly onKey: (key: string) => void }) {
  const { t } = useTranslation();
  const [key, setKey] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (key.trim() !== "") onKey(key.trim());
  };
  return (
    <Doorway>
      <h1 className={styles.title}>{t("key.title")}</h1>
      <form onSubmit={submit} className={styles.form}>
        <PasswordInput
          label={t("key.label")}
          description={t("key.hint")}
          size="md"
          value={key}
          onChange={(event) => setKey(event.currentTarget.value)}
          autoComplete="off"
          spellCheck={false}
          data-autofocus
          autoFocus
        />
        <Button type="submit" size="md" disabled={key.trim() === ""}>
          {t("key.submit")}
        </Button>
      </form>
    </Doorway>
  );
}

interface RefusalProps {
  readonly text: string;
  readonly onLeave: () => void;
}

export function Refusal({ text, onLeave }: RefusalProps) {
  const { t } = useTranslation();
  return (
    <Doorway>
      <p role="alert" className={styles.refusal}>
        {text}
      </p>
      <Button size="md" onClick={onLeave}>
        {t("key.other")}
      </Button>
    </Doorway>
  );
}
