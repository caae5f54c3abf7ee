/**
 * A tag, so that it travels with copies and that stock restic sees it (`forget --keep-tag pin`). Who is pinned survives every forget:
 * the schedule's, and one by hand.
 */
export const pinTag = "pin";

export function isPinned(snapshot: { readonly tags?: readonly string[] | undefined }): boolean {
  return snapshot.tags?.includes(pinTag) === true;
}
