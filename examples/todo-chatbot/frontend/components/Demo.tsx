"use client";

import { useState } from "react";
import { Icon } from "./Icon";
import styles from "./Demo.module.css";

/** The moving picture of the landing page: a conversation, and what becomes of it. It can be stopped. */
export function Demo() {
  const [paused, setPaused] = useState(false);
  return (
    <div className={styles.demo} data-paused={paused}>
      <span className={styles.glow} aria-hidden="true" />
      <span className={styles.glow} aria-hidden="true" />
      <div className={styles.window} role="img" aria-label="A message to the assistant becomes a task with a date, which is then done">
        <p className={styles.you}>add buy milk due tomorrow, high priority</p>
        <p className={styles.assistant}>
          <span className={styles.dots}>
            <i />
            <i />
            <i />
          </span>
          <span className={styles.reply}>Added “buy milk”, due tomorrow.</span>
        </p>
        <p className={styles.task}>
          <span className={styles.box}>
            <Icon name="check" size={16} />
          </span>
          <span className={styles.title}>Buy milk</span>
          <span className={styles.badge}>High</span>
        </p>
        <p className={styles.reminder}>
          <Icon name="bell" size={18} /> Reminder: call grandmother
        </p>
      </div>
      <button type="button" className={styles.pause} onClick={() => setPaused(!paused)}>
        <Icon name={paused ? "play" : "pause"} size={16} />
        {paused ? "Play the animation" : "Pause the animation"}
      </button>
    </div>
  );
}
