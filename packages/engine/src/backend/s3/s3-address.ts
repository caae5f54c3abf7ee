/** Where a repository lies on an S3 store. */
export interface S3Address {
  /** `http://host:port` or `https://host`, no slash at the end. */
  readonly endpoint: string;
  readonly bucket: string;
  /** Without slashes at its ends; "" = the bucket's root. */
  readonly prefix: string;
}

/** As restic spells it. */
export function describeS3Address({ endpoint, bucket, prefix }: S3Address): string {
  return `s3:${endpoint}/${bucket}${prefix === "" ? "" : `/${prefix}`}`;
}

/** The region that stands in an AWS endpoint's name; other stores take any, and us-east-1 is what they expect. */
export function regionOf(endpoint: string): string {
  const host = new URL(endpoint).hostname;
  return /^s3[.-](?:dualstack\.)?([a-z]{2}(?:-[a-z]+)+-\d)\.amazonaws\.com(?:\.cn)?$/.exec(host)?.[1] ?? "us-east-1";
}
