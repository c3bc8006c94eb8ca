#include "proxy/mysql/protocol/character_sets.h"

#include <algorithm>
#include <array>

namespace mysql_proxy {
namespace {

struct CharacterSet {
  std::string_view name;
  std::array<std::uint8_t, 3> collations;  // 0: no more.
};

// These are the ones that a server of MySQL or MariaDB lets a client have. The second byte of a
// character may be a backslash or a backquote in each of them. The numbers are those of
// information_schema.collations.
constexpr CharacterSet kHidingAscii[] = {
    {"big5", {1, 84}},             // big5_chinese_ci, big5_bin
    {"cp932", {95, 96}},           // cp932_japanese_ci, cp932_bin
    {"gb18030", {248, 249, 250}},  // gb18030_chinese_ci, gb18030_bin, gb18030_unicode_520_ci
    {"gbk", {28, 87}},             // gbk_chinese_ci, gbk_bin
    {"sjis", {13, 88}},            // sjis_japanese_ci, sjis_bin
};

}  // namespace

bool HidesAscii(std::string_view character_set) {
  return std::any_of(
      std::begin(kHidingAscii), std::end(kHidingAscii),
      [character_set](const CharacterSet& hiding) { return hiding.name == character_set; });
}

bool HidesAscii(std::uint8_t collation) {
  if (collation == 0) return false;
  return std::any_of(
      std::begin(kHidingAscii), std::end(kHidingAscii), [collation](const CharacterSet& hiding) {
        return std::find(hiding.collations.begin(), hiding.collations.end(), collation) !=
               hiding.collations.end();
      });
}

}  // namespace mysql_proxy
