/** Exit codes of every command; 3, 10, 11, 12 and 130 as in restic. */
export const exitCodes = {
  passed: 0,
  failed: 1,
  usage: 2,
  incomplete: 3,
  notAllowed: 4,
  objectiveMissed: 5,
  checkFailed: 6,
  inconclusive: 7,
  controlPlane: 8,
  confirmation: 9,
  noRepository: 10,
  locked: 11,
  wrongPassword: 12,
  cancelled: 130,
} as const;
