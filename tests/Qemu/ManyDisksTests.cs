using System;
using System.Collections.Generic;
using System.Text.RegularExpressions;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>More disks than there are messages for, at a vector for each queue or even for each disk.</summary>
[NightlyOnly]
public sealed class ManyDisksTests : QemuTest
{
    private const int FunctionsPerSlot = 8;
    private const int SlotsPerBridge = 31;

    // The first disks take two messages each, those after the 32nd message one; there are 160.
    private const int DisksWithMessages = 144;

    [TestCase(113)]
    [TestCase(200)]
    public void Each_disk_works_or_says_what_it_lacks(int count)
    {
        DiskImage disk = NewDisk(64);
        List<string> arguments = [];
        for (int index = 0; index < count; index++)
        {
            int slot = QemuCommandLine.FirstDiskSlot + (index / FunctionsPerSlot);
            arguments.AddRange([
                "-drive", $"if=none,id=d{index},format=raw,file={disk.Path},file.locking=off,readonly=on",
                "-device", $"virtio-blk-pci,drive=d{index},addr=0x{slot:x}.{index % FunctionsPerSlot},multifunction=on",
            ]);
        }

        QemuGuest guest = Start(new GuestOptions().WithArguments([.. arguments]));
        guest.WaitForText("^vg> ", 3 * Deadlines.Boot);
        int disks = Regex.Count(guest.Serial.Text, "(?m)^disk[0-9]+: ");
        int skipped = Regex.Count(guest.Serial.Text,
            "(?m)^[0-9a-f:.]+: virtio-blk has no interrupt: the machine has only [01] messages left for it, "
            + "and the machine gives no share in interrupt line [0-9]+: skipped$");

        Assert.That(disks + skipped, Is.EqualTo(count));
        Assert.That(disks, Is.AtLeast(Math.Min(count, DisksWithMessages)));
        ReadSome(guest, disk, disks);
    }

    [TestCase("pc")]
    [TestCase("q35")]
    public void Disks_behind_bridges_make_do_with_a_message_each(string machine)
    {
        const int Count = 130;
        DiskImage disk = NewDisk(64);
        List<string> arguments = ["-machine", machine];
        for (int index = 0; index < Count; index++)
        {
            int bridge = index / SlotsPerBridge;
            int slot = 1 + (index % SlotsPerBridge);
            if (slot == 1)
            {
                arguments.AddRange([
                    "-device",
                    $"pci-bridge,id=b{bridge},chassis_nr={bridge + 1},"
                        + $"addr=0x{QemuCommandLine.FirstDiskSlot + bridge:x}",
                ]);
            }

            arguments.AddRange([
                "-drive", $"if=none,id=d{index},format=raw,file={disk.Path},file.locking=off,readonly=on",
                "-device", $"virtio-blk-pci,drive=d{index},bus=b{bridge},addr=0x{slot:x}",
            ]);
        }

        QemuGuest guest = Start(new GuestOptions().WithArguments([.. arguments]));
        guest.WaitForText("^vg> ", 3 * Deadlines.Boot);
        Assert.That(Regex.Count(guest.Serial.Text, "(?m)^disk[0-9]+: virtio-blk at "), Is.EqualTo(Count));
        ReadSome(guest, disk, Count);

        guest.Type("lsvirtio\n");
        guest.WaitForLine($"^disk{Count - 1}: .*, MSI-X, one vector, running$");
        Assert.That(guest.Serial.Text, Does.Match("(?m)^disk0: .*, MSI-X, a vector per queue, running\r?$"));
    }

    private static void ReadSome(QemuGuest guest, DiskImage disk, int count)
    {
        foreach (int index in new[] { 0, count / 2, count - 1 })
        {
            guest.Type($"blk {index} checksum 0 64\n");
            guest.WaitForLine($"^{disk.Checksum(0, 64)}$");
        }
    }
}
