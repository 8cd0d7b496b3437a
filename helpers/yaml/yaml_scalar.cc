#include "helpers/yaml/yaml_scalar.h"

#include <algorithm>
#include <initializer_list>

namespace passthrough {
namespace {

constexpr std::string_view kDecimal = "0123456789_";

bool IsOneOf(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

bool IsFalseWord(std::string_view text) {
  return IsOneOf(text, {"no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"});
}

// Takes the characters of `set` from the front of *text; returns how many there were.
size_t Take(std::string_view* text, std::string_view set) {
  const size_t count = std::min(text->find_first_not_of(set), text->size());
  text->remove_prefix(count);
  return count;
}

// Decimal, octal, hexadecimal and base 60 integers, fractions, and fractions with an exponent.
bool IsNumber(std::string_view text) {
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  if (IsOneOf(text, {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"})) return true;
  if (text.starts_with("0x") || text.starts_with("0b")) {
    const bool hexadecimal = text[1] == 'x';
    text.remove_prefix(2);
    return Take(&text, hexadecimal ? "0123456789abcdefABCDEF_" : "01_") > 0 && text.empty();
  }
  if (text.empty() || text[0] == '_') return false;
  size_t digits = Take(&text, kDecimal);
  while (digits > 0 && text.starts_with(':')) {  // base 60: 1:30:00
    text.remove_prefix(1);
    const size_t count = Take(&text, "0123456789");
    if (count == 0 || count > 2) return false;
  }
  if (text.empty()) return digits > 0;
  if (text[0] != '.') return false;
  text.remove_prefix(1);
  digits += Take(&text, kDecimal);
  if (digits == 0) return false;
  if (text.empty()) return true;
  if (text[0] != 'e' && text[0] != 'E') return false;
  text.remove_prefix(1);
  if (!text.starts_with('+') && !text.starts_with('-')) return false;  // 1.0e5 is text in YAML 1.1
  text.remove_prefix(1);
  return Take(&text, "0123456789") > 0 && text.empty();
}

// yyyy-mm-dd, with or without a time behind it.
bool IsDate(std::string_view text) {
  constexpr std::string_view kForm = "0000-00-00";
  if (text.size() < kForm.size()) return false;
  for (size_t i = 0; i < kForm.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kForm[i] == '0' ? !digit : text[i] != kForm[i]) return false;
  }
  const std::string_view rest = text.substr(kForm.size());
  return rest.empty() || rest[0] == 'T' || rest[0] == 't' || rest[0] == ' ';
}

}  // namespace

PlainScalar ResolvePlainScalar(std::string_view text) {
  if (IsOneOf(text, {"", "~", "null", "Null", "NULL"})) return PlainScalar::kNull;
  if (IsTrueWord(text) || IsFalseWord(text)) return PlainScalar::kBool;
  if (IsNumber(text)) return PlainScalar::kNumber;
  if (IsDate(text)) return PlainScalar::kDate;
  return PlainScalar::kText;
}

std::string_view ToString(PlainScalar kind) {
  switch (kind) {
    case PlainScalar::kText:
      return "text";
    case PlainScalar::kNull:
      return "no value";
    case PlainScalar::kBool:
      return "true or false";
    case PlainScalar::kNumber:
      return "a number";
    case PlainScalar::kDate:
      return "a date";
  }
  return "";
}

bool IsTrueWord(std::string_view text) {
  return IsOneOf(text, {"yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"});
}

}  // namespace passthrough
