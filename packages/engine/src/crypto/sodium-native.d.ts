declare module "sodium-native" {
  const sodium: {
    crypto_onetimeauth(out: Uint8Array, message: Uint8Array, key: Uint8Array): void;
    /** Constant time; true when equal. */
    sodium_memcmp(a: Uint8Array, b: Uint8Array): boolean;
  };
  export default sodium;
}
