#include "proxy/core/program_parts.h"

#include "failover/clock.h"
#include "failover/flags.h"
#include "failover/transition.h"

namespace proxy {

absl::StatusOr<std::unique_ptr<ProgramParts>> ProgramParts::FromFlags() {
  auto parts = std::make_unique<ProgramParts>();
  absl::StatusOr<Options> options = OptionsFromFlags();
  if (!options.ok()) return options.status();
  parts->options = *std::move(options);
  absl::StatusOr<std::unique_ptr<Tls>> tls = Tls::Load(parts->options.tls);
  if (!tls.ok()) return tls.status();
  parts->tls = *std::move(tls);

  absl::StatusOr<failover::BufferOptions> buffer_options = failover::BufferOptionsFromFlags();
  if (!buffer_options.ok()) return buffer_options.status();
  // Sessions have had --drain_timeout to end before the Buffer is shut down.
  buffer_options->shutdown_grace = absl::ZeroDuration();
  buffer_options->on_transition =
      [hook = parts->hook, &history = parts->history](const failover::Transition& transition) {
        history.Note(transition);
        hook(transition);
      };
  absl::StatusOr<std::unique_ptr<failover::Buffer>> buffer =
      failover::Buffer::Create(*std::move(buffer_options));
  if (!buffer.ok()) return buffer.status();
  parts->buffer = *std::move(buffer);
  parts->router = std::make_unique<Router>(parts->options.backends, *parts->buffer);
  parts->connect_turns = std::make_unique<ConnectTurns>(parts->options.max_backend_logins);
  return parts;
}

Context ProgramParts::MakeContext() {
  const failover::ShardHandle shard = buffer->GetShard(options.keyspace, options.shard);
  return {options,
          *router,
          *buffer,
          shard,
          buffer->options().window,
          failover::Clock::Steady(),
          tls.get(),
          &uncounted,
          connect_turns.get()};
}

}  // namespace proxy
