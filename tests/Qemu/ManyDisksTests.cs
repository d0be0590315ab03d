using System.Collections.Generic;
using System.Text.RegularExpressions;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>More disks than there are interrupts for.</summary>
[NightlyOnly]
public sealed class ManyDisksTests : QemuTest
{
    private const int FunctionsPerSlot = 8;

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
        Assert.That(disks, Is.AtLeast(112));
        foreach (int index in new[] { 0, disks / 2, disks - 1 })
        {
            guest.Type($"blk {index} checksum 0 64\n");
            guest.WaitForLine($"^{disk.Checksum(0, 64)}$");
        }
    }
}
