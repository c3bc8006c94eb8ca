/* A program in C. It holds one request while a shard is buffering, and retries it. */
#include <stdio.h>

#include "failover/c/failover.h"
#include "failover/version.h"

static void KeepToken(void* arg, fo_result result, fo_retry retry) {
  if (result == FO_OK) *(fo_retry*)arg = retry;
}

int main(void) {
  fo_options options = {.struct_size = sizeof(options), .threading = FO_MANUAL};
  fo_buffer* buffer = NULL;
  fo_shard shard = {0};
  fo_retry retry = {{0, 0}};
  char error[256];
  if (fo_version() != FAILOVER_VERSION) return 1;
  if (fo_buffer_create(&options, &buffer, error, sizeof(error)) != FO_OK) {
    fprintf(stderr, "client: %s\n", error);
    return 2;
  }
  if (fo_shard_get(buffer, "commerce", "-80", &shard) != FO_OK) return 3;
  if (fo_wait_start(buffer, shard, NULL, FO_ATTEMPT_REFUSED, NULL, NULL, KeepToken, &retry, NULL) !=
      FO_HELD) {
    return 4;
  }
  if (fo_stop_buffering(buffer, shard) != FO_OK) return 5;
  while (fo_poll(buffer) == 0) {
  }
  if (retry.opaque[0] == 0) return 6;
  if (fo_retry_done(&retry, FO_ATTEMPT_SUCCEEDED) != FO_OK) return 7;
  fo_buffer_destroy(buffer);
  puts("a program in C held a request and released it");
  return 0;
}
