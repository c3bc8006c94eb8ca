/* The directives, and what nginx calls. */

#include "ngx_stream_failover.h"

static char* MustNotBeZero(ngx_conf_t* cf, void* post, void* data) {
  (void)cf;
  (void)post;
  return *(const ngx_int_t*)data == 0 ? "must not be zero" : NGX_CONF_OK;
}

static ngx_conf_post_t not_zero = {MustNotBeZero};

/* ---- The directives of blocks -----------------------------------------------------------------*/

static ngx_int_t InitUpstream(ngx_conf_t* cf, ngx_stream_upstream_srv_conf_t* block) {
  (void)cf;
  block->peer.init = FailoverInitPeer;
  return NGX_OK;
}

static FailoverUpstream* MakeUpstream(ngx_conf_t* cf, const ngx_str_t* words) {
  FailoverUpstream* const upstream = ngx_pcalloc(cf->pool, sizeof *upstream);
  FailoverSettings* const settings =
      ngx_stream_conf_get_module_main_conf(cf, ngx_stream_failover_module);
  FailoverUpstream** const place = ngx_array_push(&settings->upstreams);
  if (upstream == NULL || place == NULL) return NULL;
  *place = upstream;
  upstream->block = ngx_stream_conf_get_module_srv_conf(cf, ngx_stream_upstream_module);
  /* The words of the configuration end with a zero byte. */
  upstream->keyspace = (const char*)words[1].data;
  upstream->shard_name = (const char*)words[2].data;
  return upstream;
}

static char* SetFailover(ngx_conf_t* cf, ngx_command_t* command, void* conf) {
  FailoverBlock* const block = conf;
  ngx_stream_upstream_srv_conf_t* upstream_block;
  (void)command;
  if (block->upstream != NULL) return "is duplicate";
  block->upstream = MakeUpstream(cf, cf->args->elts);
  if (block->upstream == NULL) return NGX_CONF_ERROR;
  upstream_block = block->upstream->block;
  if (upstream_block->peer.init_upstream != NULL) return "comes with another balancing method";
  upstream_block->peer.init_upstream = InitUpstream;
  /* The primary alone counts, so no server has a weight or is a spare. */
  upstream_block->flags = NGX_STREAM_UPSTREAM_CREATE;
  return upstream_block->servers->nelts == 0 ? NGX_CONF_OK : "must come before each \"server\"";
}

static ngx_command_t commands[] = {
    {ngx_string("failover"), NGX_STREAM_UPS_CONF | NGX_CONF_TAKE2, SetFailover,
     NGX_STREAM_SRV_CONF_OFFSET, 0, NULL},
    {ngx_string("failover_hold"), NGX_STREAM_SRV_CONF | NGX_CONF_TAKE1, ngx_conf_set_str_slot,
     NGX_STREAM_SRV_CONF_OFFSET, offsetof(FailoverBlock, hold_name), NULL},
    {ngx_string("failover_control"), NGX_STREAM_MAIN_CONF | NGX_CONF_TAKE1, ngx_conf_set_str_slot,
     NGX_STREAM_MAIN_CONF_OFFSET, offsetof(FailoverSettings, control), NULL},
    {ngx_string("failover_size"), NGX_STREAM_MAIN_CONF | NGX_CONF_TAKE1, ngx_conf_set_num_slot,
     NGX_STREAM_MAIN_CONF_OFFSET, offsetof(FailoverSettings, size), &not_zero},
    {ngx_string("failover_window"), NGX_STREAM_MAIN_CONF | NGX_CONF_TAKE1, ngx_conf_set_msec_slot,
     NGX_STREAM_MAIN_CONF_OFFSET, offsetof(FailoverSettings, window), &not_zero},
    {ngx_string("failover_max_duration"), NGX_STREAM_MAIN_CONF | NGX_CONF_TAKE1,
     ngx_conf_set_msec_slot, NGX_STREAM_MAIN_CONF_OFFSET, offsetof(FailoverSettings, max_duration),
     &not_zero},
    {ngx_string("failover_min_time_between"), NGX_STREAM_MAIN_CONF | NGX_CONF_TAKE1,
     ngx_conf_set_msec_slot, NGX_STREAM_MAIN_CONF_OFFSET,
     offsetof(FailoverSettings, min_time_between), &not_zero},
    {ngx_string("failover_connect_timeout"), NGX_STREAM_MAIN_CONF | NGX_CONF_TAKE1,
     ngx_conf_set_msec_slot, NGX_STREAM_MAIN_CONF_OFFSET,
     offsetof(FailoverSettings, connect_timeout), &not_zero},
    ngx_null_command};

static void* CreateSettings(ngx_conf_t* cf) {
  FailoverSettings* const settings = ngx_pcalloc(cf->pool, sizeof *settings);
  if (settings == NULL) return NULL;
  settings->size = NGX_CONF_UNSET;
  settings->window = NGX_CONF_UNSET_MSEC;
  settings->max_duration = NGX_CONF_UNSET_MSEC;
  settings->min_time_between = NGX_CONF_UNSET_MSEC;
  settings->connect_timeout = NGX_CONF_UNSET_MSEC;
  if (ngx_array_init(&settings->upstreams, cf->pool, 4, sizeof(FailoverUpstream*)) != NGX_OK) {
    return NULL;
  }
  return settings;
}

static char* InitSettings(ngx_conf_t* cf, void* conf) {
  FailoverSettings* const settings = conf;
  (void)cf;
  /* Zeros are the defaults of the buffer. */
  ngx_conf_init_value(settings->size, 0);
  ngx_conf_init_msec_value(settings->window, 0);
  ngx_conf_init_msec_value(settings->max_duration, 0);
  ngx_conf_init_msec_value(settings->min_time_between, 0);
  ngx_conf_init_msec_value(settings->connect_timeout, 5000);
  return NGX_CONF_OK;
}

static void* CreateBlock(ngx_conf_t* cf) { return ngx_pcalloc(cf->pool, sizeof(FailoverBlock)); }

/* ---- The checks -------------------------------------------------------------------------------*/

static ngx_int_t CheckControl(ngx_conf_t* cf, FailoverSettings* settings) {
  ngx_file_info_t info;
  ngx_str_t* const path = &settings->control;
  if (path->len == 0) {
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"failover_control\" is missing: without it nobody can say which server is "
                       "the primary");
    return NGX_ERROR;
  }
  if (ngx_conf_full_name(cf->cycle, path, 0) != NGX_OK) return NGX_ERROR;
  if (path->len + sizeof "/." + NGX_INT64_LEN > sizeof(((struct sockaddr_un*)0)->sun_path)) {
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"failover_control %V\": the path is too long", path);
    return NGX_ERROR;
  }
  if (ngx_file_info(path->data, &info) == NGX_FILE_ERROR || !ngx_is_dir(&info)) {
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"failover_control %V\" is no directory", path);
    return NGX_ERROR;
  }
  return NGX_OK;
}

/* The library knows which values go together, so it is asked. The buffer does not live until the
   fork. */
static ngx_int_t CheckOptions(ngx_conf_t* cf, const FailoverSettings* settings) {
  char error[256];
  fo_buffer* buffer;
  if (FailoverCreateBuffer(settings, &buffer, error, sizeof error) != FO_OK) {
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "the \"failover_...\" directives do not fit: %s",
                       error);
    return NGX_ERROR;
  }
  fo_buffer_destroy(buffer);
  return NGX_OK;
}

static ngx_int_t CheckShards(ngx_conf_t* cf, const FailoverSettings* settings) {
  FailoverUpstream** const upstreams = settings->upstreams.elts;
  for (ngx_uint_t i = 0; i < settings->upstreams.nelts; ++i) {
    const FailoverUpstream* const one = upstreams[i];
    for (ngx_uint_t k = 0; k < i; ++k) {
      if (ngx_strcmp(one->keyspace, upstreams[k]->keyspace) == 0 &&
          ngx_strcmp(one->shard_name, upstreams[k]->shard_name) == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "the upstreams \"%V\" and \"%V\" are one shard",
                           &upstreams[k]->block->host, &one->block->host);
        return NGX_ERROR;
      }
    }
  }
  return NGX_OK;
}

static ngx_int_t FindHold(ngx_conf_t* cf, const ngx_stream_core_srv_conf_t* server,
                          const FailoverSettings* settings) {
  FailoverUpstream** const upstreams = settings->upstreams.elts;
  FailoverBlock* const block = server->ctx->srv_conf[ngx_stream_failover_module.ctx_index];
  const ngx_str_t* const name = &block->hold_name;
  if (name->data == NULL) return NGX_OK;
  for (ngx_uint_t i = 0; i < settings->upstreams.nelts; ++i) {
    const ngx_str_t* const host = &upstreams[i]->block->host;
    if (host->len == name->len && ngx_memcmp(host->data, name->data, name->len) == 0) {
      block->hold = upstreams[i];
      return NGX_OK;
    }
  }
  ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                     "\"failover_hold %V\" in the server at %s:%ui: no upstream \"%V\" has the "
                     "directive \"failover\"",
                     name, server->file_name, server->line, name);
  return NGX_ERROR;
}

/* nginx runs the handlers of a phase from the last to the first, and this one must be the last to
   run: whom `deny` turns away is not to be held. */
static ngx_int_t AddAccessHandler(ngx_stream_core_main_conf_t* core) {
  ngx_array_t* const handlers = &core->phases[NGX_STREAM_ACCESS_PHASE].handlers;
  ngx_stream_handler_pt* first;
  if (ngx_array_push(handlers) == NULL) return NGX_ERROR;
  first = handlers->elts;
  ngx_memmove(first + 1, first, (handlers->nelts - 1) * sizeof *first);
  *first = FailoverAccess;
  return NGX_OK;
}

static ngx_int_t FinishConfiguration(ngx_conf_t* cf) {
  FailoverSettings* const settings =
      ngx_stream_conf_get_module_main_conf(cf, ngx_stream_failover_module);
  ngx_stream_core_main_conf_t* const core =
      ngx_stream_conf_get_module_main_conf(cf, ngx_stream_core_module);
  ngx_stream_core_srv_conf_t** const servers = core->servers.elts;
  for (ngx_uint_t i = 0; i < core->servers.nelts; ++i) {
    if (FindHold(cf, servers[i], settings) != NGX_OK) return NGX_ERROR;
  }
  if (settings->upstreams.nelts == 0) return NGX_OK;
  if (CheckControl(cf, settings) != NGX_OK || CheckOptions(cf, settings) != NGX_OK ||
      CheckShards(cf, settings) != NGX_OK) {
    return NGX_ERROR;
  }
  return AddAccessHandler(core);
}

/* ---- The module -------------------------------------------------------------------------------*/

static ngx_stream_module_t context = {
    NULL,                /* preconfiguration */
    FinishConfiguration, /* postconfiguration */
    CreateSettings,      /* create main configuration */
    InitSettings,        /* init main configuration */
    CreateBlock,         /* create server configuration */
    NULL                 /* merge server configuration */
};

ngx_module_t ngx_stream_failover_module = {NGX_MODULE_V1,
                                           &context,
                                           commands,
                                           NGX_STREAM_MODULE,
                                           NULL,                /* init master */
                                           NULL,                /* init module */
                                           FailoverStartWorker, /* init process */
                                           NULL,                /* init thread */
                                           NULL,                /* exit thread */
                                           FailoverEndWorker,   /* exit process */
                                           NULL,                /* exit master */
                                           NGX_MODULE_V1_PADDING};
