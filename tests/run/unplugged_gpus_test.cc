#include "helpers/run/unplugged_gpus.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <set>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/base/interruption.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::ThrowsMessage;

const PciAddress kFirst = PciAddress::Parse("0000:01:00.0").value();
const PciAddress kSecond = PciAddress::Parse("0000:02:00.0").value();

std::string Hostdev(int bus) {
  return fmt::format(
      "<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0x0000' bus='0x{:02x}' slot='0x00' "
      "function='0x0'/></source><address type='pci' domain='0x0000' bus='0x{:02x}' slot='0x00' function='0x0'/>"
      "</hostdev>",
      bus, bus + 4);
}

// A domain with two GPUs, whose guest lets them go after it was looked at `patience` times more. libvirt's test
// driver cannot unplug.
class Guest {
 public:
  LiveDomain Domain() {
    return {"d", "test:///x", [this] { return Xml(); }, [this](const std::string& xml) { Detach(xml); },
            [this](const std::string& xml) { Attach(xml); }};
  }
  int patience = 0;
  int attach_failures = 0;
  bool interrupt_at_detach = false;
  std::set<int> buses{1, 2};
  int attached = 0;

 private:
  static int BusOf(const std::string& xml) { return xml.find("bus=\"0x01\"") != std::string::npos ? 1 : 2; }
  std::string Xml() {
    if (leaving_ != 0 && patience-- <= 0) {
      buses.erase(leaving_);
      leaving_ = 0;
    }
    std::string devices;
    for (const int bus : buses) devices += Hostdev(bus);
    return "<domain><name>d</name><uuid>dfe224cb-28fb-8dd0-c4b2-64eb3f0f4566</uuid><devices>" + devices +
           "</devices></domain>";
  }
  void Detach(const std::string& xml) {
    leaving_ = BusOf(xml);
    if (interrupt_at_detach) RequestInterruption(SIGINT);
  }
  void Attach(const std::string& xml) {
    if (attach_failures-- > 0) throw Error("the host is busy");
    buses.insert(BusOf(xml));
    ++attached;
  }
  int leaving_ = 0;
};

class UnpluggedGpusTest : public testing::Test {
 protected:
  ~UnpluggedGpusTest() override { ClearInterruption(); }
  UnpluggedGpus Gpus() {
    return UnpluggedGpus(guest_.Domain(), directory_.path(), [this](const std::string& what) { told_ += what + "\n"; });
  }
  static Deadline Long() { return Deadline::After(std::chrono::minutes(1)); }
  static Deadline Now() { return Deadline::After(std::chrono::seconds(0)); }

  const TemporaryDirectory directory_{"unplugged"};
  Guest guest_;
  std::string told_;
};

TEST_F(UnpluggedGpusTest, GoAndComeBack) {
  UnpluggedGpus gpus = Gpus();
  guest_.patience = 3;
  gpus.Unplug(kFirst, Long());
  EXPECT_THAT(guest_.buses, testing::ElementsAre(2));
  EXPECT_THAT(ReadFile(directory_.path() / "hostdev-0000-01-00.0.xml"), HasSubstr("<hostdev"));
  EXPECT_EQ(gpus.PlugIn(), 1u);
  EXPECT_THAT(guest_.buses, testing::ElementsAre(1, 2));
  EXPECT_EQ(gpus.PlugIn(), 0u);
  EXPECT_THAT(gpus.GiveBack(), IsEmpty());
  EXPECT_EQ(guest_.attached, 1);
}

TEST_F(UnpluggedGpusTest, ComeBackWhenNobodyPlugsThemIn) {
  {
    UnpluggedGpus gpus = Gpus();
    gpus.Unplug(kFirst, Long());
    gpus.Unplug(kSecond, Long());
    EXPECT_THAT(guest_.buses, IsEmpty());
  }
  EXPECT_THAT(guest_.buses, testing::ElementsAre(1, 2));
}

TEST_F(UnpluggedGpusTest, ComeBackAfterAnInterruption) {
  guest_.interrupt_at_detach = true;
  guest_.patience = 3;  // lets go only when the run is ending already
  {
    UnpluggedGpus gpus = Gpus();
    EXPECT_THROW(gpus.Unplug(kFirst, Long()), InterruptedError);
    EXPECT_THAT(guest_.buses, testing::ElementsAre(1, 2)) << "not gone yet";
  }
  EXPECT_THAT(guest_.buses, testing::ElementsAre(1, 2));
  EXPECT_EQ(guest_.attached, 1);
}

TEST_F(UnpluggedGpusTest, ComeBackWhereTheGuestLetsGoAfterTheWait) {
  guest_.patience = 2;
  UnpluggedGpus gpus = Gpus();
  EXPECT_THROW(gpus.Unplug(kFirst, Now()), TimeoutError);
  EXPECT_EQ(gpus.PlugIn(), 0u);
  EXPECT_THAT(gpus.GiveBack(), IsEmpty());
  EXPECT_EQ(guest_.attached, 1);
  EXPECT_THAT(guest_.buses, testing::ElementsAre(1, 2));
}

TEST_F(UnpluggedGpusTest, ComeBackAtTheSecondAttempt) {
  UnpluggedGpus gpus = Gpus();
  gpus.Unplug(kFirst, Long());
  guest_.attach_failures = 2;
  EXPECT_THROW(gpus.PlugIn(), Error);
  EXPECT_THAT(gpus.GiveBack(), IsEmpty());
  EXPECT_THAT(guest_.buses, testing::ElementsAre(1, 2));
}

TEST_F(UnpluggedGpusTest, ItIsToldHowToGiveBackWhatCannotBe) {
  UnpluggedGpus gpus = Gpus();
  gpus.Unplug(kFirst, Long());
  guest_.attach_failures = 1000;
  const std::string file = (directory_.path() / "hostdev-0000-01-00.0.xml").string();
  EXPECT_THAT(gpus.GiveBack(std::chrono::seconds(0)),
              AllOf(HasSubstr("GPU 0000:01:00.0 was unplugged from domain d and is not back"),
                    HasSubstr("the host is busy"),
                    HasSubstr("virsh -c test:///x attach-device d " + file + " --live")));
  EXPECT_THAT(told_, HasSubstr("is not back"));
}

TEST_F(UnpluggedGpusTest, ItIsToldThatAGuestMayLetGoLater) {
  guest_.patience = 1000;
  UnpluggedGpus gpus = Gpus();
  EXPECT_THAT([&] { gpus.Unplug(kFirst, Now()); },
              ThrowsMessage<TimeoutError>(HasSubstr("was asked to let GPU 0000:01:00.0 go")));
  EXPECT_THAT(gpus.GiveBack(std::chrono::seconds(0)), AllOf(HasSubstr("may yet"), HasSubstr("attach-device d ")));
  EXPECT_EQ(guest_.attached, 0);
}

TEST_F(UnpluggedGpusTest, WhatTheDomainHasNotIsNotUnplugged) {
  UnpluggedGpus gpus = Gpus();
  EXPECT_THROW(gpus.Unplug(PciAddress::Parse("0000:09:00.0").value(), Long()), Error);
  EXPECT_THAT(gpus.GiveBack(), IsEmpty());
}

}  // namespace
}  // namespace passthrough
