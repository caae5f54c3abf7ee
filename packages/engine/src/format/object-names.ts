/** The kinds of objects in a repository (repository-format 1.1). */
export type ObjectKind = "key" | "lock" | "snapshot" | "index" | "pack";

const folders: Record<ObjectKind, string> = { key: "keys", lock: "locks", snapshot: "snapshots", index: "index", pack: "data" };

const idPattern = /^[0-9a-f]{64}$/;

export const configName = "config";

/** A lower-case hex SHA-256. */
export function isId(text: string): boolean {
  return idPattern.test(text);
}

export function objectName(kind: ObjectKind, id: string): string {
  return kind === "pack" ? `data/${id.slice(0, 2)}/${id}` : `${folders[kind]}/${id}`;
}

/** What to list for all objects of a kind. */
export function objectPrefix(kind: ObjectKind): string {
  return `${folders[kind]}/`;
}

/** The id at the end of a listed name; undefined for names that are not ours (temporary files, notes of people). */
export function idOfName(name: string): string | undefined {
  const id = name.slice(name.lastIndexOf("/") + 1);
  return isId(id) ? id : undefined;
}

/** Side data that stock tools ignore: `lifeboat/v1/<kind>/<sha256>`. */
export type SideKind = "run" | "facts" | "config" | "checkpoint" | "evidence";

export function sidePrefix(kind: SideKind): string {
  return `lifeboat/v1/${kind}/`;
}
