#include "proxy/mysql/session/server_refusals.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string_view>

#include "absl/strings/ascii.h"

namespace mysql_proxy {
namespace {

using failover::mysql::ErrorClassifier;
using failover::mysql::FailoverSign;
using failover::mysql::MysqlError;
using failover::mysql::Outcome;
using failover::mysql::StatementState;

constexpr std::uint32_t kOptionPreventsStatement = 1290;
constexpr std::uint32_t kReadOnlyTransaction = 1792;
constexpr std::uint32_t kReadOnlyMode = 1836;

// What stands before and behind the name of the option.
struct OptionText {
  std::string_view before;
  std::string_view behind;
};

constexpr OptionText kOptionTexts[] = {
    {"The MariaDB server is running with the ", " option so it cannot execute this statement"},
    {"The MySQL server is running with the ", " option so it cannot execute this statement"},
    {"Der MariaDB-Server läuft mit der Option ",
     " und kann diese Anweisung deswegen nicht ausführen"},
    {"Der MySQL-Server läuft mit der Option ",
     " und kann diese Anweisung deswegen nicht ausführen"},
    {"El servidor MariaDB se está ejecutando con la opción ",
     " por lo que no se puede ejecutar esta sentencia"},
    {"El servidor MySQL está rodando con la opción ", " tal que no puede ejecutar este comando"},
    {"O servidor MariaDB está rodando com a opção ",
     " razão pela qual não pode executar esse commando"},
    {"O servidor MySQL está rodando com a opção ",
     " razão pela qual não pode executar esse commando"},
    {"MariaDB är startad med ", ". Pga av detta kan du inte använda detta kommando"},
    {"MySQL är startad med ", ". Pga av detta kan du inte använda detta kommando"},
    {"MariaDBサーバーが ", " オプションで実行されているので、このステートメントは実行できません。"},
    {"MySQLサーバーが ", " オプションで実行されているので、このステートメントは実行できません。"},
    {"MariaDB服务器使用", "选项运行，因此无法执行此语句"},
    {"MariaDB სერვერი ", " პარამეტრითაა გაშვებული და ამ გამოსახულების შესრულება არ შეუძლია"},
};

constexpr std::string_view kTransactionTexts[] = {
    "Cannot execute statement in a READ ONLY transaction",
    "Cannot execute statement in a READ ONLY transaction.",
    "No puedo ejecutar sentencia en una transacción READ ONLY",
    "无法在只读事务中执行语句",
};

constexpr std::string_view kModeTexts[] = {
    "Running in read-only mode",           "Running in read only mode",
    "Ejecutando em modo sólo-lectura",     "以只读模式运行",
    "გაშვებულია მხოლოდ-წაკითხვის რეჟიმში",
};

bool IsOptionCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '=';
}

// Dashes and underscores are the same in the name of an option. A value may follow.
bool IsReadOnlyOption(std::string_view option) {
  if (!std::all_of(option.begin(), option.end(), IsOptionCharacter)) return false;
  const std::string_view name = option.substr(0, option.find('='));
  return name == "--read-only" || name == "--super-read-only" || name == "--read_only" ||
         name == "--super_read_only";
}

bool StartsWith(std::string_view text, std::string_view part) {
  return text.substr(0, part.size()) == part;
}

bool EndsWith(std::string_view text, std::string_view part) {
  return text.size() >= part.size() && text.substr(text.size() - part.size()) == part;
}

bool NamesReadOnly(std::string_view text, const OptionText& known) {
  const std::size_t around = known.before.size() + known.behind.size();
  return text.size() > around && StartsWith(text, known.before) && EndsWith(text, known.behind) &&
         IsReadOnlyOption(text.substr(known.before.size(), text.size() - around));
}

template <typename Texts>
bool IsOneOf(std::string_view text, const Texts& texts) {
  return std::find(std::begin(texts), std::end(texts), text) != std::end(texts);
}

bool IsRefusalNumber(std::uint32_t number) {
  return number == kOptionPreventsStatement || number == kReadOnlyTransaction ||
         number == kReadOnlyMode;
}

// MariaDB's client library keeps these numbers for itself. An answer has such a number only if a
// SIGNAL gave it.
bool IsNumberOfLibrary(std::uint32_t number) { return number >= 5000 && number <= 5999; }

absl::Status StatusOfOwnError(const MysqlError& error, const StatementState& statement) {
  ErrorClassifier classifier;
  classifier.Add({error.number, "", Outcome::kFailed, FailoverSign::kNo});
  return classifier.ToStatus(error, statement);
}

}  // namespace

bool IsServersRefusal(const MysqlError& error) {
  switch (error.number) {
    case kOptionPreventsStatement:
      return std::any_of(
          std::begin(kOptionTexts), std::end(kOptionTexts),
          [&error](const OptionText& known) { return NamesReadOnly(error.text, known); });
    case kReadOnlyTransaction:
      return IsOneOf(error.text, kTransactionTexts);
    case kReadOnlyMode:
      return IsOneOf(error.text, kModeTexts);
    default:
      return false;
  }
}

absl::Status StatusOfAnswer(const MysqlError& error, const StatementState& statement) {
  const bool asked = error.number == kReadOnlyTransaction && statement.read_only_requested;
  const bool own = IsNumberOfLibrary(error.number) ||
                   (IsRefusalNumber(error.number) && (asked || !IsServersRefusal(error)));
  return own ? StatusOfOwnError(error, statement) : failover::mysql::ToStatus(error, statement);
}

}  // namespace mysql_proxy
