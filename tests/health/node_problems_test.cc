#include "helpers/health/node_problems.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/health/health_test_tools.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

IdentityEvidence Identity(const std::string& facts, double uptime = 1000, int64_t epoch = 1'000'000) {
  return IdentityEvidence::Parse(
      "kernel_release: 6.1\nboot_id: b\nproduct_uuid: u\nuptime_seconds: " + std::to_string(uptime) +
          "\nepoch_seconds: " + std::to_string(epoch) + "\n" + facts + "end: identity\n",
      "i.txt");
}

TEST(NodeProblems, Disks) {
  EXPECT_THAT(Texts(ReadOnlyProblems(Identity("root_read_only: yes\n"))),
              ElementsAre(HasSubstr("read-only (i.txt:6)")));
  EXPECT_THAT(Texts(ReadOnlyProblems(Identity("root_read_only: no\n"))), IsEmpty());
  EXPECT_THAT(Texts(ReadOnlyProblems(Identity(""))), IsEmpty());
  EXPECT_THAT(Texts(DiskFullProblems(Identity("root_free_kib: 0\ntmp_free_kib: 500\n"))),
              ElementsAre(HasSubstr("its root file system has 0 KiB free"), HasSubstr("temporary files")));
  EXPECT_THAT(Texts(DiskFullProblems(Identity("root_free_kib: 1024\ntmp_free_kib: 99999\n"))), IsEmpty());
  EXPECT_THAT(Texts(DiskFullProblems(Identity(""))), IsEmpty());
}

TEST(NodeProblems, AClockThatIsWrong) {
  const auto problems = [](int64_t now) {
    return Texts(ClockProblems(Identity("", 1000, now), {1'000'000, 1'000'030}));
  };
  EXPECT_THAT(problems(1'000'010), IsEmpty());
  EXPECT_THAT(problems(1'000'140), IsEmpty());
  EXPECT_THAT(problems(999'890), IsEmpty());
  EXPECT_THAT(problems(1'003'630), ElementsAre(HasSubstr("60 min 0 s")));
  EXPECT_THAT(problems(1'003'630), ElementsAre(HasSubstr("ahead")));
  EXPECT_THAT(problems(0), ElementsAre(HasSubstr("behind")));
}

TEST(NodeProblems, AClockThatWasSetSinceBoot) {
  const KernelLog log = KernelLog::Parse(
      "[    2.500000] rtc_cmos 00:04: setting system clock to 1970-01-12T13:30:00 UTC (999000)\n", "k.txt");
  EXPECT_THAT(Texts(ClockJumpProblems(Identity("", 1000, 999'997), log)), IsEmpty());
  EXPECT_THAT(Texts(ClockJumpProblems(Identity("", 1000, 1'009'997), log)),
              ElementsAre(HasSubstr("its clock was set since its boot")));
  EXPECT_THAT(Texts(ClockJumpProblems(Identity("", 1000, 0), log)), testing::SizeIs(1));
  EXPECT_THAT(Texts(ClockJumpProblems(Identity(""), KernelLog::Parse("x\n", "k.txt"))), IsEmpty());
}

TEST(NodeProblems, ConsolesOfHealthyNodes) {
  for (const char* console :
       {"", "node: init after 8.86 s\nnode: modules after 10.01 s\nlogin: ",
        "Welcome to GRUB!\n[    0.000000] Linux version 6.1\nlogin:\n",
        // Rebooted as it should be.
        "[    0.000000] Linux version 6.1\n[   90.1] reboot: Restarting system\n[    0.000000] Linux version "
        "6.1\n",
        "Welcome to GRUB!\n[    0.000000] Linux version 6.1\n[   90.1] reboot: Power down\nWelcome to GRUB!\n"
        "[    0.000000] Linux version 6.1\n",
        "[    0.000000] Linux version 6.1\n[   60.2] traps: prog[912] general protection fault ip:5589 sp:7ffc "
        "error:0 in prog[5589+1000]\n"}) {
    EXPECT_THAT(Texts(ConsoleProblems(console, "c.log")), IsEmpty()) << console;
  }
}

// earlyprintk: the console that is registered later gets all lines once more.
TEST(NodeProblems, AConsoleThatGetsTheLogTwiceShowsOneBoot) {
  const std::string early =
      "[    0.000000] Linux version 6.1\n[    0.000000] printk: bootconsole [earlyser0] enabled\n"
      "[    0.012345] ACPI: x\n[    0.431320] Console: colour VGA+ 80x25\n[    0.438647] printk: console [ttyS0] "
      "enabled\n";
  EXPECT_THAT(Texts(ConsoleProblems(early + early + "[    1.2] on\nlogin:\n", "c.log")), IsEmpty());
  EXPECT_THAT(
      Texts(ConsoleProblems("[    0.000000] Linux version 6.1\n[    0.000000] Linux version 6.1\nlogin:\n", "c.log")),
      IsEmpty());
  const std::string second =
      "[    0.000000] Linux version 6.1\n[    0.000000] printk: bootconsole [earlyser0] enabled\n"
      "[    0.012399] ACPI: x\n[    0.431411] Console: colour VGA+ 80x25\n";
  EXPECT_THAT(Texts(ConsoleProblems(early + second, "c.log")), ElementsAre(HasSubstr("it began anew once")));
  EXPECT_THAT(Texts(ConsoleProblems(early + early + "[    9.0] x\n" + second + second, "c.log")),
              ElementsAre(HasSubstr("it began anew once")));
}

TEST(NodeProblems, ConsolesOfNodesThatCrash) {
  EXPECT_THAT(Texts(ConsoleProblems("a\n[    5.1] Kernel panic - not syncing: VFS: Unable to mount root\n", "c.log")),
              ElementsAre(HasSubstr("its kernel crashed: its console says \"[    5.1] Kernel panic")));
  for (const char* const oops : {"general protection fault: 0000 [#1] SMP",
                                 "general protection fault, probably for non-canonical address 0x1: 0000 [#1]"}) {
    EXPECT_THAT(Texts(ConsoleProblems(std::string("[    5.1] ") + oops + "\n", "c.log")),
                ElementsAre(HasSubstr("its kernel crashed")));
  }
  EXPECT_THAT(Texts(ConsoleProblems("node: init after 8 s\nnode: init after 9 s\nnode: init after 9 s\n", "c.log")),
              ElementsAre(HasSubstr("it began anew 2 times without having been shut down, as its console "
                                    "shows (c.log:3)")));
  // Two marks a boot; the first time orderly, the second not.
  EXPECT_THAT(Texts(ConsoleProblems("Welcome to GRUB\nLinux version 6\nreboot: Restarting system\n"
                                    "Welcome to GRUB\nLinux version 6\nWelcome to GRUB\nLinux version 6\n",
                                    "c.log")),
              ElementsAre(HasSubstr("it began anew once")));
}

TEST(NodeProblems, KernelsThatCrashedAndWentOn) {
  const auto problems = [](const std::string& text) {
    return Texts(OopsProblems(KernelLog::Parse("[    0.000000] Linux version 6.1\n" + text, "k.txt")));
  };
  EXPECT_THAT(problems("[   71.3] BUG: kernel NULL pointer dereference, address: 0000000000000008\n"
                       "[   71.3] #PF: supervisor read access in kernel mode\n"
                       "[   71.3] Oops: 0000 [#1] PREEMPT SMP NOPTI\n"),
              ElementsAre(HasSubstr("its kernel log says \"BUG: kernel NULL pointer dereference, address: "
                                    "0000000000000008\", the first of 2 such lines (k.txt:2)")));
  for (const char* const said :
       {"BUG: unable to handle page fault for address: ffffa7b2c0a00000", "kernel BUG at mm/slub.c:305!",
        "Oops: 0002 [#1] SMP", "general protection fault, probably for non-canonical address 0x1: 0000 [#1]"}) {
    EXPECT_THAT(problems(std::string("[   71.3] ") + said + "\n"), testing::SizeIs(1)) << said;
  }
  EXPECT_THAT(problems("[   60.2] traps: prog[912] general protection fault ip:5589 sp:7ffc error:0 in prog[5589]\n"
                       "[   60.3] prog[913]: segfault at 0 ip 0 sp 0 error 14\n"
                       "[   61.0] INFO: task nvidia-smi:812 blocked for more than 120 seconds.\n"),
              IsEmpty());
}

TEST(NodeProblems, KernelsThatHang) {
  const auto problems = [](const std::string& text) {
    return Texts(StallProblems(KernelLog::Parse("[    0.000000] Linux version 6.1\n" + text, "k.txt")));
  };
  EXPECT_THAT(problems("[  245.1] INFO: task nvidia-smi:812 blocked for more than 120 seconds.\n"
                       "[  366.1] INFO: task nvidia-smi:812 blocked for more than 241 seconds.\n"),
              ElementsAre(AllOf(HasSubstr("a task hangs in its kernel"), HasSubstr("nvidia-smi:812"),
                                HasSubstr("the first of 2 such lines (k.txt:2)"))));
  for (const char* const said :
       {"watchdog: BUG: soft lockup - CPU#3 stuck for 22s! [nvidia-modprobe:811]",
        "watchdog: Watchdog detected hard LOCKUP on cpu 3", "rcu: INFO: rcu_sched self-detected stall on CPU",
        "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
        "rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 3-... }"}) {
    EXPECT_THAT(problems(std::string("[   71.3] ") + said + "\n"), ElementsAre(HasSubstr("a processor of it"))) << said;
  }
  EXPECT_THAT(problems("[    1.0] NMI watchdog: Enabled. Permanently consumes one hw-PMU counter.\n"), IsEmpty());
}

TEST(NodeProblems, UpForLessTimeThanItExists) {
  EXPECT_THAT(Texts(UptimeProblems(Identity("", 30), 200)), IsEmpty());
  EXPECT_THAT(Texts(UptimeProblems(Identity("", 30), 900)),
              ElementsAre(HasSubstr("it is up for 30 s, though it was deployed 15 min 0 s ago")));
}

}  // namespace
}  // namespace passthrough
