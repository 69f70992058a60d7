import styles from "./Wallboard.module.css";

export function Empty({ title, hint }: { readonly title: string; readonly hint: string }) {
  return (
    <section className={styles.empty}>
      <strong>{title}</strong>
      <span>{hint}</span>
    </section>
  );
}
