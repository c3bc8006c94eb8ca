// The texts that a program in C gives.
#ifndef FAILOVER_SRC_C_TEXT_H_
#define FAILOVER_SRC_C_TEXT_H_

namespace failover::c {

inline const char* OrEmpty(const char* text) { return text == nullptr ? "" : text; }

}  // namespace failover::c

#endif  // FAILOVER_SRC_C_TEXT_H_
