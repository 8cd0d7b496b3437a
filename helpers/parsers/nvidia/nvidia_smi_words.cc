#include "helpers/parsers/nvidia/nvidia_smi_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <utility>

namespace passthrough {
namespace {

// man nvidia-smi, RETURN VALUE. The numbers are those of nvmlReturn_t (nvml.h).
constexpr std::array<std::pair<int, std::string_view>, 13> kStatuses = {{
    {0, "success"},
    {2, "an argument is not valid"},
    {3, "the operation is not available on this device"},
    {4, "this user may not access the device or do this"},
    {6, "what was asked for was not found"},
    {8, "a device's external power cables are not attached properly"},
    {9, "the NVIDIA driver is not loaded"},
    {10, "the kernel found an interrupt problem with a GPU"},
    {12, "the NVML library was not found or could not be loaded"},
    {13, "this version of NVML lacks the function"},
    {14, "the infoROM is corrupted"},
    {15, "the GPU has fallen off the bus or has become inaccessible"},
    {255, "another error, or one inside the driver"},
}};

// The longer before the shorter that it contains.
constexpr std::array kPhrases = {
    NvidiaSmiErrorPhrase{"Unable to determine the device handle", "a GPU that the driver knows does not answer"},
    NvidiaSmiErrorPhrase{"No devices were found",
                         "the driver is loaded and has no working GPU; the kernel log says why"},
    NvidiaSmiErrorPhrase{"couldn't communicate with the NVIDIA driver",
                         "the kernel module is not loaded, or its device files are missing"},
    NvidiaSmiErrorPhrase{"Driver/library version mismatch",
                         "kernel module and user-space library are of different releases"},
    NvidiaSmiErrorPhrase{"Failed to initialize NVML", "the NVML library could not start"},
    NvidiaSmiErrorPhrase{"couldn't find libnvidia-ml", "the NVML library is not installed"},
    NvidiaSmiErrorPhrase{"Unable to determine", "a GPU that the driver knows does not answer"},
    NvidiaSmiErrorPhrase{"GPU is lost", "the GPU has fallen off the bus"},
    NvidiaSmiErrorPhrase{"fallen off the bus", "the GPU does not answer on the PCI bus"},
    NvidiaSmiErrorPhrase{"GPU requires reset", "the GPU is stopped until it is reset"},
    NvidiaSmiErrorPhrase{"GPU Reset Required", "the GPU is stopped until it is reset"},
    NvidiaSmiErrorPhrase{"GPU requires restart", "the GPU is stopped until the node restarts"},
    NvidiaSmiErrorPhrase{"GPU access blocked by the operating system", "the system denies access to the GPU"},
    NvidiaSmiErrorPhrase{kInsufficientPermissions, "this user may not read that"},
    NvidiaSmiErrorPhrase{"infoROM is corrupted", "the card's own memory for its settings is damaged"},
    NvidiaSmiErrorPhrase{"Unknown Error", "the driver failed to read this from the GPU"},
    NvidiaSmiErrorPhrase{"ERR!", "the driver failed to read this from the GPU"},
};

// Words that texts may have for other reasons, so that they count alone only.
constexpr std::array kValues = {
    NvidiaSmiErrorPhrase{"Uninitialized", "the NVML library was not started"},
    NvidiaSmiErrorPhrase{"Invalid Argument", "the driver refuses to be asked for this"},
    NvidiaSmiErrorPhrase{"Timeout", "the driver did not get this from the GPU in time"},
    NvidiaSmiErrorPhrase{"Insufficient External Power", "the card's power cables are not attached properly"},
    NvidiaSmiErrorPhrase{"Driver Not Loaded", "the kernel module is not loaded"},
    NvidiaSmiErrorPhrase{"Interrupt Request Issue", "the kernel found an interrupt problem with the GPU"},
    NvidiaSmiErrorPhrase{"Corrupted infoROM", "the card's own memory for its settings is damaged"},
    NvidiaSmiErrorPhrase{"In use by another client", "another program keeps this from being read"},
    NvidiaSmiErrorPhrase{"Insufficient Memory", "the driver had no memory to answer"},
    NvidiaSmiErrorPhrase{"Insufficient Resources", "the driver had no resources to answer"},
    NvidiaSmiErrorPhrase{"Operating system blocked the request", "the system denies access to the GPU"},
    NvidiaSmiErrorPhrase{"GPU not found", "the driver does not find the GPU any more"},
    NvidiaSmiErrorPhrase{"Error", "the driver failed to read this from the GPU"},
    NvidiaSmiErrorPhrase{"ERR", "the driver failed to read this from the GPU"},
};

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool ContainsIgnoringCase(std::string_view text, std::string_view part) {
  auto same = [](char a, char b) { return Lower(a) == Lower(b); };
  return std::search(text.begin(), text.end(), part.begin(), part.end(), same) != text.end();
}

}  // namespace

std::string NvidiaSmiExitStatusText(int exit_status) {
  for (const auto& [status, meaning] : kStatuses) {
    if (status == exit_status) return fmt::format("{}: {}", exit_status, meaning);
  }
  if (exit_status == 127) return "127: nvidia-smi is not installed";
  if (exit_status == 126) return "126: nvidia-smi cannot be executed";
  if (exit_status > 128 && exit_status < 128 + NSIG) {
    return fmt::format("{}: ended by signal {} ({})", exit_status, exit_status - 128, strsignal(exit_status - 128));
  }
  return fmt::format("{}: not among the statuses that nvidia-smi's manual lists", exit_status);
}

const NvidiaSmiErrorPhrase* FindNvidiaSmiError(std::string_view text) {
  for (const NvidiaSmiErrorPhrase& entry : kPhrases) {
    if (ContainsIgnoringCase(text, entry.phrase)) return &entry;
  }
  return nullptr;
}

const NvidiaSmiErrorPhrase* FindNvidiaSmiErrorValue(std::string_view text) {
  if (const NvidiaSmiErrorPhrase* error = FindNvidiaSmiError(text)) return error;
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  for (const NvidiaSmiErrorPhrase& entry : kValues) {
    if (text.size() == entry.phrase.size() && ContainsIgnoringCase(text, entry.phrase)) return &entry;
  }
  return nullptr;
}

}  // namespace passthrough
