/* The metrics of a buffer, which arrive in pieces. */
#include "check.h"

enum { kRoom = 1 << 20, kShards = 5 };

typedef struct {
  char text[kRoom];
  size_t size;
  int pieces;
  fo_buffer* buffer;
} Page;

static void Append(void* arg, const char* piece, size_t size) {
  Page* const page = (Page*)arg;
  CHECK(size >= 1 && size <= 4096);
  CHECK(page->size + size < kRoom);
  memcpy(page->text + page->size, piece, size);
  page->size += size;
  page->text[page->size] = '\0';
  ++page->pieces;
  /* No lock is held, so the buffer may be called. */
  CHECK(fo_wakeup_fd(page->buffer) >= 0);
}

static void Drop(void* arg, fo_result result, fo_retry retry) {
  (void)arg;
  (void)result;
  CHECK(fo_retry_done(&retry, FO_ATTEMPT_SUCCEEDED) == FO_OK);
}

void TestMetrics(void) {
  static Page page;
  char name[2] = "0";
  fo_wait* wait = NULL;
  fo_buffer* const buffer = MakeManualBuffer();
  const fo_shard shard = GetShard(buffer);
  page.buffer = buffer;
  CHECK(fo_wait_start(buffer, shard, NULL, FO_ATTEMPT_REFUSED, NULL, NULL, Drop, NULL, &wait) ==
        FO_HELD);
  for (; name[0] < '0' + kShards; ++name[0]) {
    fo_shard other;
    CHECK(fo_shard_get(buffer, "other", name, &other) == FO_OK);
    CHECK(fo_start_buffering(buffer, other, "a test") == FO_OK);
  }
  CHECK(fo_metrics(buffer, Append, &page) == FO_OK);
  CHECK(strncmp(page.text, "# HELP failover_", 16) == 0);
  CHECK(page.text[page.size - 1] == '\n');
  CHECK(strstr(page.text, "\nfailover_requests_held{keyspace=\"commerce\",shard=\"-80\"} 1\n") !=
        NULL);
  CHECK(strstr(page.text, "\nfailover_requests_held{keyspace=\"other\",shard=\"4\"} 0\n") != NULL);
  /* All pieces but the last one are full. */
  CHECK(page.pieces == (int)((page.size + 4095) / 4096));
  CHECK(page.pieces >= 2);
  fo_wait_free(wait);
  fo_buffer_destroy(buffer);
}
