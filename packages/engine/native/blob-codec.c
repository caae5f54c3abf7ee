/*
 * Seals and opens blobs in one call each: SHA-256, zstd, AES-256-CTR with Poly1305-AES (repository format 1.5 and 1.7), and the
 * verification of what was sealed. Called from JavaScript these are a dozen calls a blob, with objects and memory of their own each:
 * about 100 us for a blob of 1 KiB, of which the work itself is 5.
 *
 * Uses the OpenSSL and the zstd that are part of the running Node; nothing is linked, the symbols are Node's own. Every thread has its
 * own codec; nothing is shared. Sizes come from the caller, who has bounded them; every range is checked against its array here again.
 */
#define NAPI_VERSION 8
#include <node_api.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "sha256-pair.h"

/* The stable part of zstd.h (1.x), which Node does not ship with its headers. */
typedef struct ZSTD_CCtx_s ZSTD_CCtx;
typedef struct ZSTD_DCtx_s ZSTD_DCtx;
extern ZSTD_CCtx *ZSTD_createCCtx(void);
extern size_t ZSTD_freeCCtx(ZSTD_CCtx *context);
extern ZSTD_DCtx *ZSTD_createDCtx(void);
extern size_t ZSTD_freeDCtx(ZSTD_DCtx *context);
extern size_t ZSTD_compressCCtx(ZSTD_CCtx *, void *target, size_t capacity, const void *source, size_t bytes, int level);
extern size_t ZSTD_decompressDCtx(ZSTD_DCtx *, void *target, size_t capacity, const void *source, size_t bytes);
extern size_t ZSTD_compressBound(size_t bytes);
extern unsigned ZSTD_isError(size_t code);

enum { nonce_bytes = 16, tag_bytes = 16, overhead_bytes = 32, id_bytes = 32, part_bytes = 64 * 1024, spare_nonces = 256 };

/* Memory that is kept between calls when it is no larger than this. */
static const size_t most_kept_bytes = 9u * 1024 * 1024;

/* Counts up with each change of what the functions take or give. The same number stands in native-blob-codec.ts. */
enum { interface_version = 2 };

/* What `open` answers instead of a length. The same numbers stand in native-blob-codec.ts. */
enum { tag_mismatch = -1, frame_damaged = -2, length_mismatch = -3, hash_mismatch = -4 };

typedef struct {
  uint8_t *bytes;
  size_t size;
} scratch;

/* The hash of a pack so far; it lags behind, by whatever there was no other hash to go along with. */
typedef struct {
  uint32_t words[8];
  uint64_t bytes; /* whole blocks */
  uint64_t seen;  /* the longest that the pack was */
} pack_hash;

/* The pack whose hash goes along during one call: its first byte, and how many blocks of it are there. No hash where none goes along. */
typedef struct {
  pack_hash *hash;
  const uint8_t *bytes;
  size_t blocks;
} companion;

/* A hash that is being made: by OpenSSL, or block by block beside that of a pack. */
typedef struct {
  bool is_ours;
  const companion *beside;
  uint32_t words[8];
  uint64_t bytes;
  const uint8_t *rest; /* behind the last whole block */
  size_t rest_bytes;
} blob_hash;

typedef struct {
  EVP_CIPHER_CTX *stream;  /* AES-256-CTR with the encryption key */
  EVP_CIPHER_CTX *reading; /* the same once more, to read back while sealing */
  EVP_CIPHER_CTX *pad;     /* AES-128-ECB with the key of the tag */
  EVP_MD *sha256;
  EVP_MD_CTX *digest;
  EVP_MAC *poly1305;
  EVP_MAC_CTX *mac;
  EVP_MAC_CTX *mac_again;
  ZSTD_CCtx *compressor;
  ZSTD_DCtx *decompressor;
  uint8_t one_time_key[32]; /* r, clamped, then the pad of the nonce */
  uint8_t nonces[nonce_bytes * spare_nonces];
  size_t nonce_at;
  scratch compressed;
  scratch plain;
  uint8_t part[part_bytes];
  bool has_pairs; /* two hashes at once cost little more than one */
} codec;

static void free_scratch(scratch *memory) {
  free(memory->bytes);
  memory->bytes = NULL;
  memory->size = 0;
}

/* At least so many bytes, whatever they hold; NULL when the system has none. */
static uint8_t *reserve(scratch *memory, size_t bytes) {
  if (memory->size >= bytes && memory->bytes != NULL) return memory->bytes;
  free_scratch(memory);
  memory->bytes = malloc(bytes > 0 ? bytes : 1);
  if (memory->bytes != NULL) memory->size = bytes;
  return memory->bytes;
}

static void release_large(codec *self) {
  if (self->compressed.size > most_kept_bytes) free_scratch(&self->compressed);
  if (self->plain.size > most_kept_bytes) free_scratch(&self->plain);
}

static void destroy(codec *self) {
  if (self == NULL) return;
  EVP_CIPHER_CTX_free(self->stream);
  EVP_CIPHER_CTX_free(self->reading);
  EVP_CIPHER_CTX_free(self->pad);
  EVP_MD_CTX_free(self->digest);
  EVP_MD_free(self->sha256);
  EVP_MAC_CTX_free(self->mac);
  EVP_MAC_CTX_free(self->mac_again);
  EVP_MAC_free(self->poly1305);
  ZSTD_freeCCtx(self->compressor);
  ZSTD_freeDCtx(self->decompressor);
  free_scratch(&self->compressed);
  free_scratch(&self->plain);
  OPENSSL_cleanse(self, sizeof *self);
  free(self);
}

static EVP_CIPHER_CTX *create_cipher(const char *name, const uint8_t *key) {
  EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
  bool ready = cipher != NULL && context != NULL && EVP_EncryptInit_ex2(context, cipher, key, NULL, NULL) == 1;
  EVP_CIPHER_free(cipher);
  if (ready) return context;
  EVP_CIPHER_CTX_free(context);
  return NULL;
}

static bool pairs_agree(codec *self);

static codec *create(const uint8_t *encrypt, const uint8_t *mac_k, const uint8_t *mac_r) {
  codec *self = calloc(1, sizeof *self);
  if (self == NULL) return NULL;
  self->stream = create_cipher("AES-256-CTR", encrypt);
  self->reading = create_cipher("AES-256-CTR", encrypt);
  self->pad = create_cipher("AES-128-ECB", mac_k);
  self->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
  self->digest = EVP_MD_CTX_new();
  self->poly1305 = EVP_MAC_fetch(NULL, "POLY1305", NULL);
  if (self->poly1305 != NULL) {
    self->mac = EVP_MAC_CTX_new(self->poly1305);
    self->mac_again = EVP_MAC_CTX_new(self->poly1305);
  }
  self->compressor = ZSTD_createCCtx();
  self->decompressor = ZSTD_createDCtx();
  self->nonce_at = sizeof self->nonces;
  bool ready = self->stream != NULL && self->reading != NULL && self->pad != NULL && self->sha256 != NULL && self->digest != NULL &&
               self->mac != NULL && self->mac_again != NULL && self->compressor != NULL && self->decompressor != NULL;
  if (!ready) {
    destroy(self);
    return NULL;
  }
  self->has_pairs = sha256_pair_supported() && pairs_agree(self);
  EVP_CIPHER_CTX_set_padding(self->pad, 0);
  memcpy(self->one_time_key, mac_r, 16);
  for (int at = 3; at < 16; at += 4) self->one_time_key[at] &= 0x0f;
  for (int at = 4; at < 16; at += 4) self->one_time_key[at] &= 0xfc;
  return self;
}

static void restart(pack_hash *hash) {
  memcpy(hash->words, sha256_start, sizeof hash->words);
  hash->bytes = hash->seen = 0;
}

/* Blocks of the pack that can still go along. */
static size_t blocks_left(const companion *beside) {
  return beside->hash == NULL ? 0 : beside->blocks - (size_t)(beside->hash->bytes / sha256_block_bytes);
}

static bool start_hash(codec *self, const companion *beside, blob_hash *hash) {
  memset(hash, 0, sizeof *hash);
  hash->beside = beside;
  hash->is_ours = blocks_left(beside) > 0;
  if (!hash->is_ours) return EVP_DigestInit_ex2(self->digest, self->sha256, NULL) == 1;
  memcpy(hash->words, sha256_start, sizeof hash->words);
  return true;
}

/* All but the last have whole blocks, and what the last has stays where it is until the end. */
static bool add_to_hash(codec *self, blob_hash *hash, const uint8_t *bytes, size_t length) {
  if (!hash->is_ours) return EVP_DigestUpdate(self->digest, bytes, length) == 1;
  if (hash->rest_bytes > 0) return false;
  size_t blocks = length / sha256_block_bytes;
  size_t along = blocks_left(hash->beside);
  size_t both = blocks < along ? blocks : along;
  if (both > 0) {
    pack_hash *pack = hash->beside->hash;
    sha256_two(hash->words, bytes, pack->words, hash->beside->bytes + pack->bytes, both);
    pack->bytes += both * sha256_block_bytes;
  }
  if (blocks > both) sha256_one(hash->words, bytes + both * sha256_block_bytes, blocks - both);
  hash->bytes += length;
  hash->rest = bytes + blocks * sha256_block_bytes;
  hash->rest_bytes = length % sha256_block_bytes;
  return true;
}

static bool end_hash(codec *self, blob_hash *hash, uint8_t *id) {
  if (!hash->is_ours) return EVP_DigestFinal_ex(self->digest, id, NULL) == 1;
  sha256_end(hash->words, hash->rest, hash->rest_bytes, hash->bytes, id);
  return true;
}

static bool hash(codec *self, const companion *beside, const uint8_t *bytes, size_t length, uint8_t *id) {
  blob_hash made;
  return start_hash(self, beside, &made) && add_to_hash(self, &made, bytes, length) && end_hash(self, &made, id);
}

static const companion alone = {NULL, NULL, 0};

/* Who makes packs and who checks them use the same code: it must say what OpenSSL says, on this processor as it was compiled. */
static bool pairs_agree(codec *self) {
  uint8_t message[5 * sha256_block_bytes + 9], expected[2][id_bytes], found[2][id_bytes];
  for (size_t at = 0; at < sizeof message; at++) message[at] = (uint8_t)(at * 73 + 11);
  const size_t other = sha256_block_bytes + 5, blocks = 3, rest = 9;
  uint32_t words[2][8];
  memcpy(words[0], sha256_start, sizeof words[0]);
  memcpy(words[1], sha256_start, sizeof words[1]);
  sha256_two(words[0], message, words[1], message + other, blocks);
  for (int lane = 0; lane < 2; lane++) {
    const uint8_t *from = message + lane * other;
    size_t length = blocks * sha256_block_bytes + rest;
    sha256_end(words[lane], from + length - rest, rest, length, found[lane]);
    if (!hash(self, &alone, from, length, expected[lane])) return false;
  }
  return memcmp(found, expected, sizeof found) == 0;
}

/* Bernstein, "The Poly1305-AES message-authentication code": the pad is the nonce, encrypted. */
static bool start_tag(codec *self, EVP_MAC_CTX *mac, const uint8_t *nonce) {
  int written = 0;
  return EVP_EncryptUpdate(self->pad, self->one_time_key + 16, &written, nonce, nonce_bytes) == 1 && written == nonce_bytes &&
         EVP_MAC_init(mac, self->one_time_key, sizeof self->one_time_key, NULL) == 1;
}

static bool finish_tag(EVP_MAC_CTX *mac, uint8_t *tag) {
  size_t written = 0;
  return EVP_MAC_final(mac, tag, &written, tag_bytes) == 1 && written == tag_bytes;
}

static bool crypt(EVP_CIPHER_CTX *stream, uint8_t *target, const uint8_t *source, size_t length) {
  int written = 0;
  return EVP_EncryptUpdate(stream, target, &written, source, (int)length) == 1 && (size_t)written == length;
}

static const uint8_t *fresh_nonce(codec *self) {
  if (self->nonce_at == sizeof self->nonces) {
    if (RAND_bytes(self->nonces, sizeof self->nonces) != 1) return NULL;
    self->nonce_at = 0;
  }
  const uint8_t *nonce = self->nonces + self->nonce_at;
  self->nonce_at += nonce_bytes;
  return nonce;
}

/*
 * Writes nonce, ciphertext and tag, and reads them back from there, part by part while they are in the processor's cache. False when
 * OpenSSL refuses; `*same` is false when what was written does not open to what was given.
 */
static bool seal_payload(codec *self, uint8_t *target, const uint8_t *payload, size_t length, bool *same) {
  const uint8_t *nonce = fresh_nonce(self);
  if (nonce == NULL) return false;
  memcpy(target, nonce, nonce_bytes);
  bool done = EVP_EncryptInit_ex2(self->stream, NULL, NULL, nonce, NULL) == 1 &&
              EVP_EncryptInit_ex2(self->reading, NULL, NULL, target, NULL) == 1 && start_tag(self, self->mac, nonce) &&
              start_tag(self, self->mac_again, target);
  *same = true;
  uint8_t *sealed = target + nonce_bytes;
  for (size_t at = 0; done && at < length; at += part_bytes) {
    size_t part = length - at < part_bytes ? length - at : part_bytes;
    done = crypt(self->stream, sealed + at, payload + at, part) && EVP_MAC_update(self->mac, sealed + at, part) == 1 &&
           crypt(self->reading, self->part, sealed + at, part) && EVP_MAC_update(self->mac_again, sealed + at, part) == 1;
    if (done && memcmp(self->part, payload + at, part) != 0) *same = false;
  }
  uint8_t tag[tag_bytes];
  if (!done || !finish_tag(self->mac, sealed + length) || !finish_tag(self->mac_again, tag)) return false;
  if (memcmp(tag, sealed + length, tag_bytes) != 0) *same = false;
  return true;
}

/* 1: the tag fits, 0: it does not, -1: OpenSSL refuses. */
static int check_tag(codec *self, const uint8_t *sealed, size_t length) {
  static const uint8_t no_nonce[nonce_bytes];
  if (length < overhead_bytes) return 0;
  uint8_t tag[tag_bytes];
  if (!start_tag(self, self->mac, sealed) || EVP_MAC_update(self->mac, sealed + nonce_bytes, length - overhead_bytes) != 1 ||
      !finish_tag(self->mac, tag))
    return -1;
  return CRYPTO_memcmp(tag, sealed + length - tag_bytes, tag_bytes) == 0 && memcmp(sealed, no_nonce, nonce_bytes) != 0;
}

/* ---- JavaScript's side ---- */

typedef struct {
  uint8_t *bytes;
  size_t length;
} view;

static bool fail(napi_env env, const char *message) {
  napi_throw_error(env, NULL, message);
  return false;
}

static bool read_view(napi_env env, napi_value value, view *result) {
  napi_typedarray_type type;
  void *data = NULL;
  if (napi_get_typedarray_info(env, value, &type, &result->length, &data, NULL, NULL) != napi_ok || type != napi_uint8_array)
    return fail(env, "a Uint8Array was expected");
  result->bytes = data;
  return true;
}

static bool read_size(napi_env env, napi_value value, size_t *result) {
  int64_t number;
  if (napi_get_value_int64(env, value, &number) != napi_ok || number < 0) return fail(env, "a size was expected");
  *result = (size_t)number;
  return true;
}

static bool read_codec(napi_env env, napi_value value, codec **result) {
  void *data = NULL;
  if (napi_get_value_external(env, value, &data) != napi_ok || data == NULL) return fail(env, "a codec was expected");
  *result = data;
  return true;
}

static bool read_pack_hash(napi_env env, napi_value value, pack_hash **result) {
  void *data = NULL;
  if (napi_get_value_external(env, value, &data) != napi_ok || data == NULL) return fail(env, "the hash of a pack was expected");
  *result = data;
  return true;
}

/* A pack hash and the pack as far as it is made, or undefined twice. */
static bool read_beside(napi_env env, const codec *self, napi_value hash, napi_value bytes, companion *result) {
  napi_valuetype type;
  view pack;
  pack_hash *made;
  *result = alone;
  if (napi_typeof(env, hash, &type) != napi_ok) return fail(env, "an argument is missing");
  if (type == napi_undefined) return true;
  if (!read_pack_hash(env, hash, &made) || !read_view(env, bytes, &pack)) return false;
  if (made->seen > pack.length) return fail(env, "a pack became shorter while it was hashed");
  made->seen = pack.length;
  if (self->has_pairs) *result = (companion){made, pack.bytes, pack.length / sha256_block_bytes};
  return true;
}

/* `[at, at + length)` lies within the array. */
static bool read_range(napi_env env, napi_value array, napi_value at, napi_value length, view *result) {
  view all;
  size_t start, bytes;
  if (!read_view(env, array, &all) || !read_size(env, at, &start) || !read_size(env, length, &bytes)) return false;
  if (start > all.length || bytes > all.length - start) return fail(env, "a range lies outside of its array");
  result->bytes = all.bytes + start;
  result->length = bytes;
  return true;
}

static bool read_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *values) {
  size_t given = count;
  if (napi_get_cb_info(env, info, &given, values, NULL, NULL) != napi_ok || given < count) return fail(env, "an argument is missing");
  return true;
}

static napi_value number(napi_env env, int64_t value) {
  napi_value result = NULL;
  napi_create_int64(env, value, &result);
  return result;
}

static void finalize(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  destroy(data);
}

/* createCodec(encrypt, macK, macR) */
static napi_value create_codec(napi_env env, napi_callback_info info) {
  napi_value values[3], result = NULL;
  view keys[3];
  if (!read_arguments(env, info, 3, values)) return NULL;
  for (int at = 0; at < 3; at++)
    if (!read_view(env, values[at], &keys[at])) return NULL;
  if (keys[0].length != 32 || keys[1].length != 16 || keys[2].length != 16) {
    fail(env, "a key has the wrong length");
    return NULL;
  }
  codec *self = create(keys[0].bytes, keys[1].bytes, keys[2].bytes);
  if (self == NULL) {
    fail(env, "this Node's OpenSSL has no AES-CTR, Poly1305 or SHA-256");
    return NULL;
  }
  if (napi_create_external(env, self, finalize, NULL, &result) != napi_ok) destroy(self);
  return result;
}

static void finalize_pack_hash(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  free(data);
}

/* createPackHash() */
static napi_value create_pack_hash(napi_env env, napi_callback_info info) {
  (void)info;
  napi_value result = NULL;
  pack_hash *made = malloc(sizeof *made);
  if (made == NULL) {
    fail(env, "no memory was left");
    return NULL;
  }
  restart(made);
  if (napi_create_external(env, made, finalize_pack_hash, NULL, &result) != napi_ok) free(made);
  return result;
}

/* finishPackHash(codec, packHash, bytes, id): hashes what is left of the pack, writes the id, and begins anew. */
static napi_value finish_pack_hash(napi_env env, napi_callback_info info) {
  napi_value values[4];
  codec *self;
  pack_hash *made;
  view bytes, id;
  if (!read_arguments(env, info, 4, values) || !read_codec(env, values[0], &self) || !read_pack_hash(env, values[1], &made) ||
      !read_view(env, values[2], &bytes) || !read_view(env, values[3], &id))
    return NULL;
  bool done = id.length == id_bytes && made->seen <= bytes.length;
  if (done && made->bytes == 0) {
    done = hash(self, &alone, bytes.bytes, bytes.length, id.bytes);
  } else if (done) {
    size_t left = bytes.length - (size_t)made->bytes;
    size_t blocks = left / sha256_block_bytes;
    sha256_one(made->words, bytes.bytes + made->bytes, blocks);
    size_t rest_bytes = left % sha256_block_bytes;
    sha256_end(made->words, bytes.bytes + bytes.length - rest_bytes, rest_bytes, bytes.length, id.bytes);
  }
  restart(made);
  if (!done) fail(env, "a pack became shorter while it was hashed, or could not be hashed");
  return NULL;
}

/* forgetPackHash(packHash): begins anew. */
static napi_value forget_pack_hash(napi_env env, napi_callback_info info) {
  napi_value values[1];
  pack_hash *made;
  if (read_arguments(env, info, 1, values) && read_pack_hash(env, values[0], &made)) restart(made);
  return NULL;
}

/* hash(codec, bytes, ranges: Uint32Array of offset and length, ids, packHash or undefined, its bytes) */
static napi_value hash_ranges(napi_env env, napi_callback_info info) {
  napi_value values[6];
  codec *self;
  view bytes, ids;
  companion beside;
  if (!read_arguments(env, info, 6, values) || !read_codec(env, values[0], &self) || !read_view(env, values[1], &bytes) ||
      !read_view(env, values[3], &ids) || !read_beside(env, self, values[4], values[5], &beside))
    return NULL;
  napi_typedarray_type type;
  size_t count;
  void *data = NULL;
  if (napi_get_typedarray_info(env, values[2], &type, &count, &data, NULL, NULL) != napi_ok || type != napi_uint32_array ||
      count % 2 != 0 || ids.length != count / 2 * id_bytes) {
    fail(env, "ranges and ids do not fit each other");
    return NULL;
  }
  const uint32_t *ranges = data;
  for (size_t at = 0; at < count; at += 2) {
    if (ranges[at] > bytes.length || ranges[at + 1] > bytes.length - ranges[at]) {
      fail(env, "a range lies outside of its array");
      return NULL;
    }
    if (!hash(self, &beside, bytes.bytes + ranges[at], ranges[at + 1], ids.bytes + at / 2 * id_bytes)) {
      fail(env, "OpenSSL could not hash");
      return NULL;
    }
  }
  return NULL;
}

/* compressedBytes(codec, bytes, at, length, level): how long it would become. */
static napi_value compressed_bytes(napi_env env, napi_callback_info info) {
  napi_value values[5];
  codec *self;
  view plain;
  size_t level;
  if (!read_arguments(env, info, 5, values) || !read_codec(env, values[0], &self) ||
      !read_range(env, values[1], values[2], values[3], &plain) || !read_size(env, values[4], &level))
    return NULL;
  size_t bound = ZSTD_compressBound(plain.length);
  uint8_t *target = reserve(&self->compressed, bound);
  size_t length = target == NULL ? (size_t)-1 : ZSTD_compressCCtx(self->compressor, target, bound, plain.bytes, plain.length, (int)level);
  if (ZSTD_isError(length)) {
    fail(env, "zstd could not compress");
    return NULL;
  }
  return number(env, (int64_t)length);
}

/*
 * seal(codec, target, at, bytes, offset, length, level, always): writes the sealed blob at `at` and gives its length, negative when it
 * is compressed. Level 0 does not compress; else it is, when that makes it smaller or `always`. Throws when it does not read back.
 */
static napi_value seal(napi_env env, napi_callback_info info) {
  napi_value values[8];
  codec *self;
  view target, plain;
  size_t at, level;
  bool always;
  if (!read_arguments(env, info, 8, values) || !read_codec(env, values[0], &self) || !read_view(env, values[1], &target) ||
      !read_size(env, values[2], &at) || !read_range(env, values[3], values[4], values[5], &plain) ||
      !read_size(env, values[6], &level) || napi_get_value_bool(env, values[7], &always) != napi_ok)
    return NULL;
  view payload = plain;
  if (level > 0) {
    size_t bound = ZSTD_compressBound(plain.length);
    uint8_t *memory = reserve(&self->compressed, bound);
    size_t length = memory == NULL ? (size_t)-1 : ZSTD_compressCCtx(self->compressor, memory, bound, plain.bytes, plain.length, (int)level);
    if (ZSTD_isError(length)) {
      fail(env, "zstd could not compress");
      return NULL;
    }
    if (always || length < plain.length) payload = (view){memory, length};
  }
  bool compressed = payload.bytes != plain.bytes;
  if (at > target.length || payload.length + overhead_bytes > target.length - at) {
    fail(env, "a sealed blob does not fit into its target");
    return NULL;
  }
  bool same = false;
  bool done = seal_payload(self, target.bytes + at, payload.bytes, payload.length, &same);
  if (done && same && compressed) {
    uint8_t *memory = reserve(&self->plain, plain.length);
    same = memory != NULL &&
           ZSTD_decompressDCtx(self->decompressor, memory, plain.length, payload.bytes, payload.length) == plain.length &&
           memcmp(memory, plain.bytes, plain.length) == 0;
  }
  int64_t length = (int64_t)(payload.length + overhead_bytes);
  release_large(self);
  if (!done) fail(env, "OpenSSL could not seal");
  else if (!same) fail(env, "it does not read back as it was: faulty memory or encoder");
  else return number(env, compressed ? -length : length);
  return NULL;
}

/* Decrypts without compression, in parts; hashes, and writes where there is a target. */
static bool open_plain(codec *self, const companion *beside, const view *payload, uint8_t *target, uint8_t *id) {
  blob_hash made;
  if (!start_hash(self, beside, &made)) return false;
  for (size_t at = 0; at < payload->length; at += part_bytes) {
    size_t part = payload->length - at < part_bytes ? payload->length - at : part_bytes;
    uint8_t *plain = target == NULL ? self->part : target + at;
    if (!crypt(self->stream, plain, payload->bytes + at, part) || !add_to_hash(self, &made, plain, part)) return false;
  }
  return end_hash(self, &made, id);
}

/*
 * open(codec, sealed, at, length, uncompressedBytes, id, target, targetAt, packHash or undefined, its bytes): checks tag, length and hash,
 * and writes the plain bytes to `target` unless that is undefined. `uncompressedBytes` is 0 for a blob that is not compressed. Gives the
 * plain length or what is wrong.
 */
static napi_value open_blob(napi_env env, napi_callback_info info) {
  napi_value values[10];
  codec *self;
  view sealed, id, target = {NULL, 0};
  size_t uncompressed, target_at;
  companion beside;
  napi_valuetype target_type;
  if (!read_arguments(env, info, 10, values) || !read_codec(env, values[0], &self) ||
      !read_range(env, values[1], values[2], values[3], &sealed) || !read_size(env, values[4], &uncompressed) ||
      !read_view(env, values[5], &id) || !read_size(env, values[7], &target_at) ||
      !read_beside(env, self, values[8], values[9], &beside) ||
      napi_typeof(env, values[6], &target_type) != napi_ok)
    return NULL;
  if (id.length != id_bytes) {
    fail(env, "an id has the wrong length");
    return NULL;
  }
  int fits = check_tag(self, sealed.bytes, sealed.length);
  if (fits == 0) return number(env, tag_mismatch);
  view payload = {sealed.bytes + nonce_bytes, sealed.length - overhead_bytes};
  size_t length = uncompressed == 0 ? payload.length : uncompressed;
  if (target_type != napi_undefined) {
    if (!read_view(env, values[6], &target)) return NULL;
    if (target_at > target.length || length > target.length - target_at) {
      fail(env, "an opened blob does not fit into its target");
      return NULL;
    }
    target.bytes += target_at;
  }
  uint8_t found[id_bytes];
  bool done = fits == 1 && EVP_EncryptInit_ex2(self->stream, NULL, NULL, sealed.bytes, NULL) == 1;
  if (uncompressed == 0) {
    done = done && open_plain(self, &beside, &payload, target.bytes, found);
  } else {
    uint8_t *frame = reserve(&self->compressed, payload.length);
    uint8_t *plain = target.bytes != NULL ? target.bytes : reserve(&self->plain, length);
    done = done && frame != NULL && plain != NULL && payload.length <= INT32_MAX && crypt(self->stream, frame, payload.bytes, payload.length);
    if (done) {
      size_t got = ZSTD_decompressDCtx(self->decompressor, plain, length, frame, payload.length);
      if (ZSTD_isError(got) || got != length) {
        release_large(self);
        return number(env, ZSTD_isError(got) ? frame_damaged : length_mismatch);
      }
      done = hash(self, &beside, plain, length, found);
    }
    release_large(self);
  }
  if (!done) {
    fail(env, "OpenSSL could not open, or no memory was left");
    return NULL;
  }
  return number(env, memcmp(found, id.bytes, id_bytes) == 0 ? (int64_t)length : hash_mismatch);
}

NAPI_MODULE_INIT() {
  const struct {
    const char *name;
    napi_callback function;
  } functions[] = {
      {"createCodec", create_codec},
      {"createPackHash", create_pack_hash},
      {"finishPackHash", finish_pack_hash},
      {"forgetPackHash", forget_pack_hash},
      {"hash", hash_ranges},
      {"compressedBytes", compressed_bytes},
      {"seal", seal},
      {"open", open_blob},
  };
  for (size_t at = 0; at < sizeof functions / sizeof *functions; at++) {
    napi_value function;
    if (napi_create_function(env, functions[at].name, NAPI_AUTO_LENGTH, functions[at].function, NULL, &function) != napi_ok ||
        napi_set_named_property(env, exports, functions[at].name, function) != napi_ok)
      return NULL;
  }
  napi_value version;
  if (napi_create_uint32(env, interface_version, &version) != napi_ok || napi_set_named_property(env, exports, "version", version) != napi_ok)
    return NULL;
  return exports;
}
