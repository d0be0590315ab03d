using System;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>Larger matrices, and the same thing many times over.</summary>
[NightlyOnly]
public sealed class NightlyTests : QemuTest
{
    private const string Script = "blk 0 checksum 0 2048; net 0 dhcp; net 0 ping 10.0.2.2 2; selftest; exit";

    // Left out: models without CMPXCHG16B (Conroe, Opteron_G1), which .NET needs.
    private static readonly string[] s_cpus =
    [
        "qemu64", "kvm64", "Penryn", "Nehalem", "Westmere", "SandyBridge", "IvyBridge", "Haswell", "Broadwell",
        "Skylake-Client", "Skylake-Server", "Icelake-Server", "Opteron_G3", "Opteron_G4", "Opteron_G5", "EPYC",
        "EPYC-Rome", "EPYC-Milan", "Denverton", "Snowridge", "max",
    ];

    private static readonly Door[] s_doors = [Door.Elf, Door.BzImage, Door.IsoBios, Door.IsoUefi];

    [Test]
    public void Fifty_boots_in_a_row_are_all_the_same([ValueSource(nameof(s_doors))] Door door)
    {
        const int Count = 50;
        DiskImage disk = NewDisk();
        for (int i = 0; i < Count; i++)
        {
            ExpectAllWorks(new GuestOptions { Door = door, Machine = (MachineType)(i % 2) }, disk);
        }
    }

    [Test]
    public void Processor_model_works([ValueSource(nameof(s_cpus))] string cpu, [Values] MachineType machine)
    {
        ExpectAllWorks(new GuestOptions { Cpu = cpu, Machine = machine }, NewDisk());
    }

    [Test]
    public void Memory_of_any_size_works(
        [Values(Door.Elf, Door.BzImage, Door.IsoBios)] Door door,
        [Values] MachineType machine,
        [Values(48, 49, 63, 64, 100, 128, 511, 1024, 2047, 2048, 3071, 3073, 4096, 8192)] int megabytes)
    {
        ExpectAllWorks(
            new GuestOptions { Door = door, Machine = machine, MemoryMegabytes = megabytes }, NewDisk());
    }

    /// <summary>Below 62 MiB or so the firmware leaves GRUB too little for the image, and GRUB says so.</summary>
    [Test]
    public void Memory_of_any_size_works_on_UEFI(
        [Values] MachineType machine, [Values(64, 65, 100, 512, 2048, 4096, 8192)] int megabytes)
    {
        ExpectAllWorks(
            new GuestOptions { Door = Door.IsoUefi, Machine = machine, MemoryMegabytes = megabytes }, NewDisk());
    }

    [Test]
    public void Queue_of_any_size_works(
        [Values(4, 8, 16, 32, 64, 128, 256, 512, 1024)] int size,
        [Values("on", "off")] string eventIndex,
        [Values("on", "off")] string indirect,
        [Values(null, 0, 1, 2)] int? vectors)
    {
        DiskImage disk = NewDisk();
        DiskOptions options = new(disk.Path)
        {
            Properties = $"queue-size={size},event_idx={eventIndex},indirect_desc={indirect},seg-max-adjust=on",
            Vectors = vectors,
        };

        Transcript transcript = Run(new GuestOptions().WithDisk(options), "selftest; blk 0 fill 1 2000 7; exit");

        Expect.PassedSelfTest(transcript);
        Assert.That(disk.Read(1, 2000), Is.EqualTo(SectorPattern.Make(1, 2000, 7)));
    }

    private void ExpectAllWorks(GuestOptions options, DiskImage disk)
    {
        Transcript transcript = Run(options.WithDisk(disk).WithNic(), Script);

        Expect.FirstLine(transcript, options.Door);
        Assert.That(transcript.TextOf("net 0 ping 10.0.2.2 2"), Does.EndWith("2 sent, 2 received"));
        Assert.That(
            transcript.OutputOf("blk 0 checksum 0 2048"), Is.EqualTo(new[] { disk.Checksum(0, 2048) }));
        Expect.PassedSelfTest(transcript);
    }
}
