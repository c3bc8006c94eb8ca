// FAILOVER_EXPORT marks what a shared libfailover_buffer exposes; everything else is hidden.
#ifndef FAILOVER_EXPORT_H_
#define FAILOVER_EXPORT_H_

#if defined(_WIN32) && defined(FAILOVER_SHARED)
#ifdef FAILOVER_BUILDING
#define FAILOVER_EXPORT __declspec(dllexport)
#else
#define FAILOVER_EXPORT __declspec(dllimport)
#endif
#elif defined(__GNUC__)
#define FAILOVER_EXPORT [[gnu::visibility("default")]]
#else
#define FAILOVER_EXPORT
#endif

#endif  // FAILOVER_EXPORT_H_
