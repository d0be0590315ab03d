using System.Globalization;
using System.Text.RegularExpressions;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>From the smallest machine to one with memory above 4 GB.</summary>
public sealed class MemoryTests : QemuTest
{
    // Measured with OVMF 2022.11 and GRUB 2.06: with 60 MB, GRUB runs out of memory before it has read the kernel.
    private const int SmallestUefiMegabytes = 64;

    [TestCase(Door.IsoBios, MachineType.Pc, 48)]
    [TestCase(Door.IsoBios, MachineType.Q35, 48)]
    [TestCase(Door.Elf, MachineType.Pc, 48)]
    [TestCase(Door.Elf, MachineType.Q35, 48)]
    [TestCase(Door.BzImage, MachineType.Pc, 48)]
    [TestCase(Door.BzImage, MachineType.Q35, 48)]
    [TestCase(Door.IsoUefi, MachineType.Pc, SmallestUefiMegabytes)]
    [TestCase(Door.IsoUefi, MachineType.Q35, SmallestUefiMegabytes)]
    public void Small_machine_passes_the_self_test(Door door, MachineType machine, int megabytes)
    {
        GuestOptions options = new GuestOptions { Door = door, Machine = machine, MemoryMegabytes = megabytes }
            .WithDisk(NewDisk()).WithNic();

        Transcript transcript = Run(options, "mem; selftest; exit");

        Expect.FirstLine(transcript, door);
        Expect.PassedSelfTest(transcript);
        Assert.That(Megabytes(transcript, "total"), Is.InRange(megabytes / 2, megabytes));
    }

    [TestCase(Door.Elf, MachineType.Pc, 3072)]
    [TestCase(Door.BzImage, MachineType.Q35, 4096)]
    [TestCase(Door.IsoBios, MachineType.Pc, 3072)]
    [TestCase(Door.IsoUefi, MachineType.Q35, 4096)]
    public void Memory_above_4_GB_is_used(Door door, MachineType machine, int above)
    {
        const int All = 6 * 1024;
        GuestOptions options = new GuestOptions { Door = door, Machine = machine, MemoryMegabytes = All }
            .WithDisk(NewDisk()).WithNic();

        Transcript transcript = Run(options, "mem; selftest; exit");

        // pc puts what is beyond 3 GB above 4 GB, q35 what is beyond 2 GB; firmware keeps a little below.
        Assert.That(Megabytes(transcript, "total"), Is.InRange(All - 64, All));
        Assert.That(Megabytes(transcript, "above 4 GiB"), Is.InRange(above - 1, above));
        Assert.That(Megabytes(transcript, "free"), Is.InRange(All - 256, All));
        Expect.PassedSelfTest(transcript);
    }

    // A line of `mem` names a quantity and its size in bytes.
    private static long Megabytes(Transcript transcript, string quantity)
    {
        Match match = Regex.Match(transcript.TextOf("mem"), $@"(?m)^\s*{quantity}:\s+(\d+)\s");
        Assert.That(match.Success, Is.True, $"'mem' does not tell '{quantity}':\n{transcript.TextOf("mem")}");
        return long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) >> 20;
    }
}
