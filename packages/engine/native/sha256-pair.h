/*
 * SHA-256 (FIPS 180-4) of two messages at once. The processor's instructions for it have a latency of four cycles and can begin a round of
 * another message in the meantime: two take little longer than one (1.8 and 3.4 GB/s measured). Only for x86-64 processors that have them;
 * everywhere else OpenSSL hashes one after the other.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { sha256_block_bytes = 64 };

static const uint32_t sha256_start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

static const uint32_t sha256_constants[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static bool sha256_pair_supported(void) {
  unsigned a, b, c, d;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA) != 0 && __get_cpuid(1, &a, &b, &c, &d) && (c & bit_SSSE3) != 0 &&
         (c & bit_SSE4_1) != 0 && __builtin_cpu_supports("avx");
}

/*
 * Whoever has used wide registers and not cleared their upper halves leaves each of these instructions to keep what is in them: two messages
 * then take as long as one after the other (1.6 GB/s in place of 3.2, seen in a check).
 */
static void clear_upper_halves(void) { __asm__ volatile("vzeroupper"); }

/* `lanes` messages, `blocks` blocks of each; unrolled by the compiler, which knows `lanes`. */
__attribute__((target("sha,ssse3,sse4.1"), always_inline)) static inline void sha256_lanes(uint32_t *const words[], const uint8_t *const from[],
                                                                                          size_t blocks, const int lanes) {
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
  __m128i abef[2], cdgh[2], w[2][4];
  const uint8_t *at[2];
  /* The instructions want the words in the order a b e f and c d g h. */
  for (int lane = 0; lane < lanes; lane++) {
    at[lane] = from[lane];
    __m128i badc = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)words[lane]), 0xB1);
    __m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(words[lane] + 4)), 0x1B);
    abef[lane] = _mm_alignr_epi8(badc, hgfe, 8);
    cdgh[lane] = _mm_blend_epi16(hgfe, badc, 0xF0);
  }
  while (blocks-- > 0) {
    __m128i abef_before[2], cdgh_before[2];
    for (int lane = 0; lane < lanes; lane++) {
      abef_before[lane] = abef[lane];
      cdgh_before[lane] = cdgh[lane];
    }
/* Four rounds each. */
#pragma GCC unroll 16
    for (int step = 0; step < 16; step++) {
      const __m128i constants = _mm_load_si128((const __m128i *)(sha256_constants + 4 * step));
#pragma GCC unroll 2
      for (int lane = 0; lane < lanes; lane++) {
        __m128i *now = &w[lane][step & 3];
        if (step < 4) {
          *now = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(at[lane] + 16 * step)), big_endian);
        } else {
          const __m128i last = w[lane][(step + 3) & 3];
          __m128i sum = _mm_sha256msg1_epu32(*now, w[lane][(step + 1) & 3]);
          sum = _mm_add_epi32(sum, _mm_alignr_epi8(last, w[lane][(step + 2) & 3], 4));
          *now = _mm_sha256msg2_epu32(sum, last);
        }
        const __m128i input = _mm_add_epi32(*now, constants);
        cdgh[lane] = _mm_sha256rnds2_epu32(cdgh[lane], abef[lane], input);
        abef[lane] = _mm_sha256rnds2_epu32(abef[lane], cdgh[lane], _mm_shuffle_epi32(input, 0x0E));
      }
    }
    for (int lane = 0; lane < lanes; lane++) {
      abef[lane] = _mm_add_epi32(abef[lane], abef_before[lane]);
      cdgh[lane] = _mm_add_epi32(cdgh[lane], cdgh_before[lane]);
      at[lane] += sha256_block_bytes;
    }
  }
  for (int lane = 0; lane < lanes; lane++) {
    __m128i feba = _mm_shuffle_epi32(abef[lane], 0x1B);
    __m128i dchg = _mm_shuffle_epi32(cdgh[lane], 0xB1);
    _mm_storeu_si128((__m128i *)words[lane], _mm_blend_epi16(feba, dchg, 0xF0));
    _mm_storeu_si128((__m128i *)(words[lane] + 4), _mm_alignr_epi8(dchg, feba, 8));
  }
}

/* Not inlined: the caller then knows that the upper halves are lost. */
__attribute__((target("sha,ssse3,sse4.1"), noinline)) static void sha256_one(uint32_t *words, const uint8_t *from, size_t blocks) {
  uint32_t *const all_words[] = {words};
  const uint8_t *const all_from[] = {from};
  clear_upper_halves();
  sha256_lanes(all_words, all_from, blocks, 1);
}

__attribute__((target("sha,ssse3,sse4.1"), noinline)) static void sha256_two(uint32_t *words, const uint8_t *from, uint32_t *other_words,
                                                                   const uint8_t *other_from, size_t blocks) {
  uint32_t *const all_words[] = {words, other_words};
  const uint8_t *const all_from[] = {from, other_from};
  clear_upper_halves();
  sha256_lanes(all_words, all_from, blocks, 2);
}

#else

static bool sha256_pair_supported(void) { return false; }

/* Never called where it is not supported. */
static void sha256_one(uint32_t *words, const uint8_t *from, size_t blocks) {
  (void)words;
  (void)from;
  (void)blocks;
}

static void sha256_two(uint32_t *words, const uint8_t *from, uint32_t *other_words, const uint8_t *other_from, size_t blocks) {
  (void)other_words;
  (void)other_from;
  sha256_one(words, from, blocks);
}

#endif

/* The end of a message of `bytes` bytes, of which the last `rest_bytes`, less than a block, are not hashed yet (FIPS 180-4, 5.1.1). */
static void sha256_end(uint32_t *words, const uint8_t *rest, size_t rest_bytes, uint64_t bytes, uint8_t *id) {
  uint8_t last[2 * sha256_block_bytes] = {0};
  size_t length = rest_bytes + 9 <= sha256_block_bytes ? sha256_block_bytes : 2 * sha256_block_bytes;
  if (rest_bytes > 0) memcpy(last, rest, rest_bytes);
  last[rest_bytes] = 0x80;
  for (int at = 0; at < 8; at++) last[length - 1 - at] = (uint8_t)(bytes * 8 >> (8 * at));
  sha256_one(words, last, length / sha256_block_bytes);
  for (int word = 0; word < 8; word++)
    for (int at = 0; at < 4; at++) id[word * 4 + at] = (uint8_t)(words[word] >> (24 - 8 * at));
}
