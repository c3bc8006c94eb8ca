// What an event loop and a listener need of a protocol. Everything that a protocol is otherwise
// made of (packets, logins, statements) stays behind these two interfaces.
#ifndef FAILOVER_PROXY_CORE_PROTOCOL_H_
#define FAILOVER_PROXY_CORE_PROTOCOL_H_

#include <cstdint>
#include <memory>
#include <string>

#include "proxy/core/admissions.h"
#include "proxy/core/asio_types.h"

namespace proxy {

// One client's session, from its connection to its end.
//
// A session belongs to one event loop. Every function, the destructor included, is called on the
// thread of this loop, so that a session needs no lock. The destructor must close the client's
// connection.
class Session {
 public:
  virtual ~Session() = default;

  // Serves the client until the client or the session ends. The loop calls Run once, and destroys
  // the session after Run; if the loop itself ends first, it destroys the coroutine unfinished.
  virtual Task<> Run() = 0;

  // The program is to end: the session ends as soon as no statement and no transaction is under
  // way. May be called before Run and more than once.
  virtual void Drain() = 0;

  // The program ends now: the session sends nothing more to a backend and closes the client's
  // connection, so that Run ends soon. May be called before Run and more than once.
  virtual void End() = 0;

  // Ends an exchange with a backend that has not answered health checks for too long. The loop
  // calls this function several times per second.
  virtual void GiveUpIfSilent() = 0;
};

// Makes sessions. Thread-safe: every event loop calls the same object. Must outlive the loops.
class Protocol {
 public:
  virtual ~Protocol() = default;

  // Makes the session of a client that has just connected. `socket` belongs to the calling event
  // loop; its executor is the loop's. `id` counts the clients of this program and wraps around. The
  // session keeps the `admission` as long as it lives, and tells it when the client has logged in.
  // May throw, std::bad_alloc for instance; then this client's connection is closed, and the other
  // sessions go on.
  virtual std::unique_ptr<Session> Accept(Socket socket, std::uint32_t id,
                                          Admission admission) const = 0;

  // The bytes that a client gets, before its connection is closed, if there are too many clients.
  virtual std::string RefusalPacket() const = 0;
};

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_PROTOCOL_H_
