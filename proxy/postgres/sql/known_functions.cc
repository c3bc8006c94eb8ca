#include "proxy/postgres/sql/known_functions.h"

#include <cstddef>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"

namespace postgres_proxy {
namespace {

// A function that leaves something behind must never be added: pg_advisory_lock, set_config,
// setseed, lo_open, and whatever executes a text that its caller gives.
constexpr char kFunctions[] =
    "abs acos age any_value array_agg array_append array_cat array_dims array_length "
    "array_lower array_ndims array_position array_positions array_prepend array_remove "
    "array_replace array_to_json array_to_string array_upper ascii asin atan atan2 avg "
    "bit_and bit_length bit_or bool_and bool_or btrim cardinality cbrt ceil ceiling "
    "char_length character_length chr clock_timestamp coalesce concat concat_ws convert_from "
    "convert_to corr cos cosh count cume_dist current_database current_schema current_schemas "
    "current_setting currval date_bin date_part date_trunc decode degrees dense_rank digest "
    "div encode every exp extract factorial first_value floor format gcd gen_random_uuid "
    "generate_series generate_subscripts get_bit get_byte greatest has_table_privilege "
    "hashtext initcap is_normalized isfinite json_agg json_array_elements "
    "json_array_elements_text json_array_length json_build_array json_build_object json_each "
    "json_each_text json_extract_path json_extract_path_text json_object json_object_agg "
    "json_object_keys json_populate_record json_populate_recordset json_strip_nulls "
    "json_to_record json_to_recordset json_typeof jsonb_agg jsonb_array_elements "
    "jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object "
    "jsonb_each jsonb_each_text jsonb_extract_path jsonb_extract_path_text jsonb_insert "
    "jsonb_object jsonb_object_agg jsonb_object_keys jsonb_path_exists jsonb_path_query "
    "jsonb_path_query_array jsonb_path_query_first jsonb_pretty jsonb_set jsonb_strip_nulls "
    "jsonb_to_record jsonb_to_recordset jsonb_typeof justify_days justify_hours "
    "justify_interval lag last_value lastval lcm lead least left length like_escape ln "
    "localtime log log10 lower lower_inc lpad ltrim make_date make_interval make_time "
    "make_timestamp make_timestamptz max md5 min mod mode nextval normalize now nth_value "
    "ntile nullif num_nonnulls num_nulls obj_description octet_length overlay parse_ident "
    "percent_rank percentile_cont percentile_disc pg_backend_pid pg_column_size "
    "pg_database_size pg_get_constraintdef pg_get_expr pg_get_indexdef pg_get_userbyid "
    "pg_get_viewdef pg_is_in_recovery pg_relation_size pg_size_pretty pg_sleep "
    "pg_table_is_visible pg_table_size pg_total_relation_size pg_type_is_visible pg_typeof "
    "phraseto_tsquery pi plainto_tsquery position power quote_ident quote_literal "
    "quote_nullable radians random rank regexp_count regexp_instr regexp_like regexp_match "
    "regexp_matches regexp_replace regexp_split_to_array regexp_split_to_table regexp_substr "
    "repeat replace reverse right round row_number row_to_json rpad rtrim scale setval sha224 "
    "sha256 sha384 sha512 sign similar_to_escape sin sinh split_part sqrt starts_with "
    "statement_timestamp stddev stddev_pop stddev_samp string_agg string_to_array "
    "string_to_table strpos substr substring sum tan tanh timeofday timezone to_char to_date "
    "to_hex to_json to_jsonb to_number to_regclass to_timestamp to_tsquery to_tsvector "
    "transaction_timestamp translate trim trim_array trunc ts_headline ts_rank ts_rank_cd "
    "txid_current unnest upper upper_inc var_pop var_samp variance version "
    "websearch_to_tsquery width_bucket xmlagg";

// The words behind which a parenthesis begins something else than the arguments of a
// function.
constexpr char kWords[] =
    "all and any array as asc between bigint bit by case cast char character collate conflict "
    "cross decimal desc distinct else end escape except exists false filter float for from "
    "full group having ilike in inner int integer intersect interval into is join lateral "
    "like limit materialized natural not null numeric offset on only or order over partition "
    "real returning row select set smallint some symmetric tablesample text then time "
    "timestamp timestamptz true union update using values varchar varying when where with "
    "within xmlforest";

using Names = absl::flat_hash_set<std::string>;

Names Split(const char* text) { return absl::StrSplit(text, ' '); }

bool IsWord(const std::string& name) {
  static const Names* const words = new Names(Split(kWords));
  return words->contains(name);
}

bool IsBlank(char c) { return absl::ascii_isspace(static_cast<unsigned char>(c)); }

// Bytes of other characters than ASCII may belong to a name, too.
bool IsNamePart(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// Whether the parenthesis behind `before` may begin the arguments of an unknown function.
bool EndsWithUnknownName(std::string_view before) {
  while (!before.empty() && IsBlank(before.back())) before.remove_suffix(1);
  if (before.empty()) return false;
  if (before.back() == '"') return true;
  std::size_t begin = before.size();
  while (begin > 0 && IsNamePart(before[begin - 1])) --begin;
  const std::string name = absl::AsciiStrToLower(std::string(before.substr(begin)));
  if (name.empty()) return false;
  // A function of a schema may have any name.
  if (begin > 0 && before[begin - 1] == '.') return true;
  return !IsWord(name) && !IsKnownFunction(name);
}

// Where the names of the columns begin in INSERT INTO t (a, b); npos: there are none.
std::size_t ColumnsOf(std::string_view text) {
  const std::size_t begin = text.find('(');
  if (begin == std::string_view::npos) return begin;
  const std::string before = absl::AsciiStrToLower(std::string(text.substr(0, begin)));
  const bool inserts = before.find("insert") != std::string::npos;
  const bool selects = before.find("select") != std::string::npos;
  return inserts && !selects ? begin : std::string_view::npos;
}

}  // namespace

bool IsKnownFunction(std::string_view name) {
  static const Names* const functions = new Names(Split(kFunctions));
  return functions->contains(std::string(name));
}

bool MayCallUnknownFunction(std::string_view text) {
  std::size_t at = text.find('(');
  if (at == std::string_view::npos) return false;
  // A comment may stand between a name and its parenthesis.
  if (text.find("--") != std::string_view::npos || text.find("/*") != std::string_view::npos) {
    return true;
  }
  const std::size_t columns = ColumnsOf(text);
  for (; at != std::string_view::npos; at = text.find('(', at + 1)) {
    if (at != columns && EndsWithUnknownName(text.substr(0, at))) return true;
  }
  return false;
}

}  // namespace postgres_proxy
