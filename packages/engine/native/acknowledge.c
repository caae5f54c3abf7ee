/*
 * Has the kernel acknowledge at once what has come on a TCP connection (tcp(7), TCP_QUICKACK). It waits up to 40 ms otherwise, for something
 * to send along. A server that sends an answer in two pieces may hold the second back until the first is acknowledged (Nagle, RFC 896):
 * Ceph's gateway does, and each small answer then takes 40 ms. Node has no call for it.
 */
#define NAPI_VERSION 8
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <node_api.h>
#include <stdint.h>
#include <sys/socket.h>

/* acknowledge(descriptor): what is no TCP connection is left as it is. */
static napi_value acknowledge(napi_env env, napi_callback_info info) {
  size_t given = 1;
  napi_value value;
  int32_t descriptor;
  if (napi_get_cb_info(env, info, &given, &value, NULL, NULL) != napi_ok || given < 1 ||
      napi_get_value_int32(env, value, &descriptor) != napi_ok) {
    napi_throw_error(env, NULL, "a descriptor was expected");
    return NULL;
  }
  const int yes = 1;
  (void)setsockopt(descriptor, IPPROTO_TCP, TCP_QUICKACK, &yes, sizeof yes);
  return NULL;
}

NAPI_MODULE_INIT() {
  napi_value function;
  if (napi_create_function(env, "acknowledge", NAPI_AUTO_LENGTH, acknowledge, NULL, &function) != napi_ok ||
      napi_set_named_property(env, exports, "acknowledge", function) != napi_ok)
    return NULL;
  return exports;
}
