// An array with one element for each value of an enum.
//
//   stats.requests_evicted[failover::EvictedReason::kWindowExceeded]
#ifndef FAILOVER_ENUM_ARRAY_H_
#define FAILOVER_ENUM_ARRAY_H_

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace failover {

// A std::array, of counters unless T says otherwise, that takes an Enum as index, too. The values
// of Enum must be numbered from 0 without a gap, and N is their number. An aggregate.
// Thread-safety: as a std::array. In debug builds an index that is out of range fails an assertion.
template <typename Enum, std::size_t N, typename T = std::uint64_t>
struct EnumArray : std::array<T, N> {
  static_assert(std::is_enum_v<Enum>, "the index of an EnumArray is an enum");

  constexpr T& operator[](Enum index) { return (*this)[Number(index)]; }
  constexpr const T& operator[](Enum index) const { return (*this)[Number(index)]; }
  constexpr T& operator[](std::size_t index) {
    assert(index < N);
    return Base::operator[](index);
  }
  constexpr const T& operator[](std::size_t index) const {
    assert(index < N);
    return Base::operator[](index);
  }

  // As std::array::at: an index that is out of range throws std::out_of_range.
  using std::array<T, N>::at;
  constexpr T& at(Enum index) { return Base::at(Number(index)); }
  constexpr const T& at(Enum index) const { return Base::at(Number(index)); }

 private:
  using Base = std::array<T, N>;

  static constexpr std::size_t Number(Enum index) { return static_cast<std::size_t>(index); }
};

}  // namespace failover

#endif  // FAILOVER_ENUM_ARRAY_H_
