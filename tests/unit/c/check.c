#include "check.h"

void DropLine(void* arg, int32_t level, const char* line) {
  (void)arg;
  CHECK(level >= FO_LOG_INFO && level <= FO_LOG_ERROR);
  CHECK(line != NULL);
}

fo_buffer* MakeManualBuffer(void) {
  fo_options options = {.struct_size = sizeof options};
  fo_buffer* buffer = NULL;
  options.threading = FO_MANUAL;
  options.size = 10;
  options.drain_concurrency = 10;
  options.log = DropLine;
  CHECK(fo_buffer_create(&options, &buffer, NULL, 0) == FO_OK);
  return buffer;
}

fo_shard GetShard(fo_buffer* buffer) {
  fo_shard shard;
  CHECK(fo_shard_get(buffer, "commerce", "-80", &shard) == FO_OK);
  CHECK(shard.opaque != 0);
  return shard;
}
