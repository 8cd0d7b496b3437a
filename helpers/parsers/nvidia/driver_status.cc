#include "helpers/parsers/nvidia/driver_status.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdint>

namespace passthrough {
namespace {

struct Status {
  uint32_t code;
  std::string_view name;
};

constexpr auto kOfTheDevice = std::to_array<Status>({
    {0x05, "NV_ERR_CARD_NOT_PRESENT"},
    {0x0b, "NV_ERR_ECC_ERROR"},
    {0x0f, "NV_ERR_GPU_IS_LOST"},
    {0x10, "NV_ERR_GPU_IN_FULLCHIP_RESET"},
    {0x1c, "NV_ERR_INSUFFICIENT_POWER"},
    {0x45, "NV_ERR_IRQ_NOT_FIRING"},
    {0x47, "NV_ERR_MEMORY_TRAINING_FAILED"},
    {0x60, "NV_ERR_RC_ERROR"},
    {0x61, "NV_ERR_REJECTED_VBIOS"},
    {0x62, "NV_ERR_RESET_REQUIRED"},
    {0x65, "NV_ERR_TIMEOUT"},
    {0x70, "NV_ERR_FLCN_ERROR"},
    {0x71, "NV_ERR_FATAL_ERROR"},
    {0x72, "NV_ERR_MEMORY_ERROR"},
    {0x75, "NV_ERR_NVLINK_MINION_ERROR"},
    {0x77, "NV_ERR_NVLINK_TRAINING_ERROR"},
    {0x79, "NV_ERR_RISCV_ERROR"},
    {0x7f, "NV_ERR_SECURE_BOOT_FAILED"},
    {0x82, "NV_ERR_NVLINK_FABRIC_FAILURE"},
    {0x83, "NV_ERR_GPU_MEMORY_ONLINING_FAILURE"},
    {0x8c, "NV_ERR_DMA_XFER_FAILED"},
});

// What stands before the code, as the end of a word: also "rmstatus", "paramsstatus".
constexpr auto kBefore = std::to_array<std::string_view>({"status", "error code", "error"});

// The number that begins at `at`, "0x…"; nullopt: none.
std::optional<uint32_t> HexAt(std::string_view text, size_t at) {
  uint32_t code = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data() + at + 2, end, code, 16);
  if (error != std::errc() || (rest != end && (std::isalnum(static_cast<unsigned char>(*rest)) != 0))) {
    return std::nullopt;
  }
  return code;
}

// Whether the number at `at` is a status: "status=", "status ", "status: ", "… [nv_err_timeout] (".
bool IsStatus(std::string_view text, size_t at) {
  std::string_view head = text.substr(0, at);
  constexpr std::string_view kBetween = " =:(";
  const size_t last = head.find_last_not_of(kBetween);
  if (last == std::string_view::npos || last + 1 == head.size()) return false;
  head = head.substr(0, last + 1);
  if (head.ends_with(']')) return head.rfind("[nv_") != std::string_view::npos;
  return std::any_of(kBefore.begin(), kBefore.end(), [&](std::string_view word) { return head.ends_with(word); });
}

}  // namespace

std::optional<std::string_view> DeviceStatusIn(std::string_view lower) {
  for (size_t at = lower.find("0x"); at != std::string_view::npos; at = lower.find("0x", at + 2)) {
    if (!IsStatus(lower, at)) continue;
    const std::optional<uint32_t> code = HexAt(lower, at);
    if (!code) continue;
    const auto* const found = std::find_if(kOfTheDevice.begin(), kOfTheDevice.end(),
                                           [&](const Status& status) { return status.code == *code; });
    if (found != kOfTheDevice.end()) return found->name;
  }
  return std::nullopt;
}

}  // namespace passthrough
