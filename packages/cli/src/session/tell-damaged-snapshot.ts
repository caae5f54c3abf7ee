import type { LifeboatError } from "@lifeboat/model";
import type { Session } from "./session.ts";

/** For commands that only read: one snapshot that cannot be read is said, and does not stand before all the others. */
export function tellDamagedSnapshot(session: Session): (id: string, error: LifeboatError) => void {
  return (_, error) => {
    session.output.note(`! left out: ${error.message}`);
    session.say("  next   'lifeboat repo check' says what else is damaged; do not prune before it is understood");
  };
}
