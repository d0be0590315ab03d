using System.IO;
using System.Text.Json.Nodes;
using System.Threading;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>The self-test on machines that lack something: what is not the guest's fault is no failure.</summary>
public sealed class SelfTestWorldTests : QemuTest
{
    [Test]
    public void Odd_devices_and_an_odd_date_fail_nothing()
    {
        using NetworkPeer nobody = new(Path.Combine(Folder, "net"));
        GuestOptions options = new GuestOptions()
            .WithArguments("-rtc", "base=1970-01-01")
            .WithDisk(NewEmptyDisk(0))
            .WithDisk(NewDisk(1))
            .WithDisk(new DiskOptions(NewDisk(700).Path) { IsReadOnly = true })
            .WithNic(new NicOptions { Properties = "host_mtu=9000" })
            .WithNic(new NicOptions { Netdev = nobody.Netdev });

        Transcript transcript = Run(options, "selftest; exit");

        Expect.PassedSelfTest(transcript);
        string report = transcript.TextOf("selftest");
        Assert.Multiple(() =>
        {
            Assert.That(report, Does.Match("(?m)takes its time # SKIP the machine says that the year is 1970$"));
            Assert.That(report, Does.Match("(?m)^ok [0-9]+ - disk0: .* # SKIP the disk has no sectors$"));
            Assert.That(report, Does.Match("(?m)^ok [0-9]+ - disk1: written sectors are read back, and restored$"));
            Assert.That(report, Does.Match("(?m)^ok [0-9]+ - disk2: written .* # SKIP the disk is read-only$"));
            Assert.That(report, Does.Match("(?m)^ok [0-9]+ - net0: an address is assigned by DHCP$"));

            // QEMU's network takes the large frame, and answers in fragments of 1,500 bytes.
            Assert.That(report, Does.Match("(?m)^ok [0-9]+ - net0: the gateway answers small and large pings$"));
            Assert.That(report, Does.Match("(?m)net1: .* # SKIP no DHCP server offered an address$"));
            Assert.That(report, Does.Match("(?m)net1: .* # SKIP there is no address$"));
        });
    }

    [Test]
    public void Link_that_is_down_fails_nothing()
    {
        QemuGuest guest = Start(new GuestOptions().WithNic());
        guest.WaitForPrompt();
        guest.Monitor.Execute("set_link", new JsonObject { ["name"] = "net0", ["up"] = false });
        guest.Type("net 0 dhcp\r");
        guest.WaitForLine("^error: net0: the link is down$");
        guest.Type("net 0 status\r");
        guest.WaitForLine("^net0: .*, link down, mtu 1500$");
        guest.Type("selftest\r");
        guest.WaitForLine("net0: an address is assigned by DHCP # SKIP the link is down$");
        guest.WaitForLine("net0: .* # SKIP the link is down$");
        guest.Monitor.Execute("set_link", new JsonObject { ["name"] = "net0", ["up"] = true });
        guest.Type("selftest\r");
        guest.WaitForLine("^ok [0-9]+ - net0: an address is assigned by DHCP$");
        guest.WaitForLine("^ok [0-9]+ - net0: the gateway answers small and large pings$");
        guest.Type("exit\r");

        // The failed command of before counts.
        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Failure));
        Assert.That(guest.Serial.Text, Does.Not.Contain("not ok"));
    }

    [NightlyOnly]
    [TestCase("user,restrict=on", TestName = "Self-test on a network that lets nothing out")]
    [TestCase("user,ipv4=off", TestName = "Self-test on a network without IPv4")]
    [TestCase("user,net=192.168.76.0/24,dhcpstart=192.168.76.9", TestName = "Self-test on another network")]
    [TestCase("user,net=10.1.0.0/16,host=10.1.200.200", TestName = "Self-test on a large network")]
    [TestCase("user,dns=10.0.2.9,hostname=guest,domainname=example.org", TestName = "Self-test with more options")]
    [TestCase("hubport,hubid=0", TestName = "Self-test on a hub with nobody else")]
    public void Any_network_fails_nothing(string netdev)
    {
        GuestOptions options = new GuestOptions().WithNic(new NicOptions { Netdev = netdev });

        Expect.PassedSelfTest(Run(options, "selftest; exit"));
    }

    [NightlyOnly]
    [TestCase("-rtc", "base=2050-12-31T23:59:59", TestName = "Self-test in the middle of the century")]
    [TestCase("-rtc", "base=1999-12-31T23:59:59", TestName = "Self-test at the end of another century")]
    [TestCase("-rtc", "clock=vm", TestName = "Self-test with a clock that is the machine's own")]
    [TestCase("-icount", "shift=auto", TestName = "Self-test with time that follows the instructions")]
    [TestCase("-icount", "shift=3,sleep=off", TestName = "Self-test with time that jumps")]
    [TestCase("-smp", "4", TestName = "Self-test on four processors")]
    [TestCase("-m", "48", TestName = "Self-test with little memory")]
    [TestCase("-device", "e1000", TestName = "Self-test beside a card that nobody drives")]
    public void Any_machine_fails_nothing(string option, string value)
    {
        GuestOptions options = new GuestOptions().WithArguments(option, value).WithDisk(NewDisk()).WithNic();

        Expect.PassedSelfTest(Run(options, "selftest; exit"));
    }

    [NightlyOnly]
    [Test]
    public void Slow_disk_fails_nothing()
    {
        GuestOptions options = new GuestOptions().WithArguments(
            "-object", "throttle-group,id=slow,x-iops-total=40",
            "-blockdev", $"driver=file,node-name=image,filename={NewDisk().Path},locking=off",
            "-blockdev", "driver=throttle,node-name=throttled,throttle-group=slow,file=image",
            "-device", "virtio-blk-pci,drive=throttled");

        Expect.PassedSelfTest(Run(options, "selftest; exit"));
    }

    [NightlyOnly]
    [Test]
    public void Machine_that_is_stopped_in_the_middle_fails_nothing()
    {
        QemuGuest guest = Start(new GuestOptions().WithDisk(NewDisk()).WithNic());
        guest.WaitForPrompt();
        guest.Type("selftest\r");
        for (int stop = 0; stop < 5; stop++)
        {
            guest.Monitor.Execute("stop");
            Thread.Sleep(3000);
            guest.Monitor.Execute("cont");
            Thread.Sleep(100);
        }

        guest.WaitForLine("^(not )?ok [0-9]+ - net0: the gateway answers");
        guest.Type("exit\r");
        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Success));
        Assert.That(guest.Serial.Lines, Has.None.StartsWith("not ok"));
    }
}
