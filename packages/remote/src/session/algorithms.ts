import type { Algorithms, CipherAlgorithm, ServerHostKeyAlgorithm } from "ssh2";

const ciphers: CipherAlgorithm[] = [
  "aes256-gcm@openssh.com",
  "aes128-gcm@openssh.com",
  "chacha20-poly1305@openssh.com",
  "aes256-ctr",
  "aes128-ctr",
];

export const hostKeyAlgorithms: readonly ServerHostKeyAlgorithm[] = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "rsa-sha2-512",
  "rsa-sha2-256",
];

/**
 * What a connection may be made of, named in full: ssh2's own lists hold SHA-1, and compression, with which a host can send little that
 * becomes much.
 */
export const algorithms = {
  cipher: ciphers,
  compress: ["none"],
  hmac: ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512"],
  kex: [
    "curve25519-sha256@libssh.org",
    "curve25519-sha256",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group14-sha256",
    "diffie-hellman-group15-sha512",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group17-sha512",
    "diffie-hellman-group18-sha512",
    // ssh2 takes no group below 2048 bits; OpenSSH before 5.7 has nothing better.
    "diffie-hellman-group-exchange-sha256",
  ],
} satisfies Algorithms;
