using System;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Threading;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>Devices that come and go while the kernel runs.</summary>
public sealed class HotplugTests : QemuTest
{
    private const int Rounds = 3;

    // How QEMU tells the guest, and the bus that takes devices.
    private static readonly object[] s_machines =
    [
        new object[] { "pc", Array.Empty<string>(), "pci.0" },
        new object[] { "pc", new[] { "-device", "pci-bridge,id=bridge,chassis_nr=1" }, "bridge" },
        new object[] { "q35", new[] { "-device", "pcie-root-port,id=rp,slot=1" }, "rp" },
        new object[]
        {
            "q35",
            new[]
            {
                "-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off",
                "-device", "pcie-root-port,id=rp,slot=1",
            },
            "rp",
        },
    ];

    [TestCaseSource(nameof(s_machines))]
    public void Disk_comes_and_goes(string machine, string[] arguments, string bus)
    {
        DiskImage disk = NewDisk();
        QemuGuest guest = Start(new GuestOptions().WithArguments(["-machine", machine, .. arguments]));
        guest.WaitForPrompt();
        string before = DeviceMemory(guest);
        for (int round = 0; round < Rounds; round++)
        {
            Plug(guest, disk, bus);
            guest.WaitForLine($"^disk{round}: virtio-blk at .*, 2048 sectors");
            Command(guest, $"blk {round} checksum 0 2048", $"^{disk.Checksum(0, 2048)}$");
            Unplug(guest, $"^disk{round}, .*: the device was removed$");
            Command(guest, $"blk {round} read 0 1", $"^error: disk{round}: the device was removed$");
        }

        Assert.That(DeviceMemory(guest), Is.EqualTo(before), "the memory of removed devices is given back");
        Command(guest, "lspci", "^.*$");
        guest.Type("poweroff\n");
        Assert.That(guest.WaitForExit(), Is.Zero);
    }

    [TestCase("pc", "pci.0")]
    public void Disk_that_goes_while_it_works_fails_its_requests(string machine, string bus)
    {
        DiskImage disk = NewDisk(65536);
        QemuGuest guest = Start(new GuestOptions().WithArguments("-machine", machine));
        guest.WaitForPrompt();
        Plug(guest, disk, bus);
        guest.WaitForLine("^disk0: virtio-blk at .*");
        guest.Type("blk 0 fill 0 65536 1; blk 0 fill 0 65536 2; blk 0 fill 0 65536 3\n");
        guest.WaitForText("65536 3");

        Unplug(guest, "^disk0, .*: the device was removed$");
        guest.WaitForLine("^error: disk0: the device was removed$");
        guest.WaitForText("^vg> ");
        Plug(guest, disk, bus);
        guest.WaitForLine("^disk1: virtio-blk at .*");
        Command(guest, "blk 1 fill 0 8 5; blk 1 verify 0 8 5", "^verified 8 sectors$");
    }

    [Test]
    public void Disk_that_goes_with_much_in_flight_keeps_what_was_flushed()
    {
        const string Gone = @"^error: disk\d: operation \d+, a .*: the device was removed$";
        DiskImage disk = NewDisk(8192);
        QemuGuest guest = Start(new GuestOptions());
        guest.WaitForPrompt();
        for (int round = 0; round < Rounds; round++)
        {
            byte[] before = disk.ReadAll();
            Plug(guest, disk, "pci.0");
            guest.WaitForLine($"^disk{round}: virtio-blk at .*");
            Churn churn = new(Churn.NewSeed(), 200_000);
            guest.Type(churn.Command(round) + "\n");
            guest.WaitForLine("^durable: [0-9]{2,}$");
            Unplug(guest, Gone);
            guest.WaitForText("^vg> ");
            Assert.That(churn.FindLoss(before, disk.ReadAll(), Churn.Durable(guest.Serial.Text)[^1]), Is.Null);
        }
    }

    [TestCase("pc", "pci.0", null)]
    [TestCase("q35", "rp", "pcie-root-port,id=rp,slot=1")]
    public void Card_comes_and_goes(string machine, string bus, string? port)
    {
        GuestOptions options = new GuestOptions().WithArguments("-machine", machine);
        QemuGuest guest = Start(port is null ? options : options.WithArguments("-device", port));
        guest.WaitForPrompt();
        for (int round = 0; round < Rounds; round++)
        {
            guest.Monitor.Execute("netdev_add", new JsonObject { ["type"] = "user", ["id"] = "n" });
            guest.Monitor.Execute("device_add", new JsonObject
            {
                ["driver"] = "virtio-net-pci",
                ["id"] = "d",
                ["netdev"] = "n",
                ["bus"] = bus,
            });
            guest.WaitForLine($"^net{round}: virtio-net at ");
            Command(guest, $"net {round} dhcp", $"^net{round}: 10\\.0\\.2\\.15/24");
            Unplug(guest, $"^net{round}, .*: the device was removed$");
            guest.Monitor.Execute("netdev_del", new JsonObject { ["id"] = "n" });
            guest.Type($"net {round} ping 10.0.2.2 1\n");
            guest.WaitForLine("^(1 sent, 0 received|error: ).*$");
            guest.WaitForText("^vg> ");
        }
    }

    [Test]
    public void Device_without_a_driver_is_named_and_let_go()
    {
        QemuGuest guest = Start(new GuestOptions());
        guest.WaitForPrompt();
        guest.Monitor.Execute("device_add", new JsonObject { ["driver"] = "virtio-serial-pci", ["id"] = "d" });
        guest.WaitForLine("^00:.*: .* has no driver: skipped$");
        Unplug(guest, "^00:.*: the device was removed$");
    }

    private static void Plug(QemuGuest guest, DiskImage disk, string bus)
    {
        guest.Monitor.Execute("blockdev-add", new JsonObject
        {
            ["driver"] = "raw",
            ["node-name"] = "b",
            ["file"] = new JsonObject { ["driver"] = "file", ["filename"] = disk.Path, ["locking"] = "off" },
        });
        guest.Monitor.Execute("device_add", new JsonObject
        {
            ["driver"] = "virtio-blk-pci",
            ["id"] = "d",
            ["drive"] = "b",
            ["bus"] = bus,
            ["addr"] = bus == "rp" ? "0x0" : "0x5",
        });
    }

    // Asks for it, and waits until the guest has let go and QEMU has taken the device out.
    private static void Unplug(QemuGuest guest, string line)
    {
        int deleted = Deleted(guest);
        guest.Monitor.Execute("device_del", new JsonObject { ["id"] = "d" });
        guest.WaitForLine(line);
        long deadline = Environment.TickCount64 + (long)Deadlines.Command.TotalMilliseconds;
        while (Deleted(guest) == deleted)
        {
            Assert.That(Environment.TickCount64, Is.LessThan(deadline), "QEMU keeps the device");
            Thread.Sleep(20);
        }

        try
        {
            guest.Monitor.Execute("blockdev-del", new JsonObject { ["node-name"] = "b" });
        }
        catch (System.IO.IOException)
        {
            // There is none behind a device that is no disk.
        }
    }

    // QEMU says so once for the device itself, and once more for a part of it that has no name.
    private static int Deleted(QemuGuest guest)
    {
        int count = 0;
        foreach (JsonObject data in guest.Monitor.Events("DEVICE_DELETED"))
        {
            count += data["device"]?.GetValue<string>() == "d" ? 1 : 0;
        }

        return count;
    }

    private static string DeviceMemory(QemuGuest guest)
    {
        guest.Type("mem\n");
        Match match = guest.WaitForLine(@"^  devices: +(\d+)");
        guest.WaitForText("^vg> ");
        return match.Groups[1].Value;
    }

    private static void Command(QemuGuest guest, string command, string line)
    {
        guest.Type(command + "\n");
        guest.WaitForLine(line);
        guest.WaitForText("^vg> ");
    }
}
