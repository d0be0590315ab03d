using System;
using System.Collections.Generic;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Labs.Grader.Rigs;
using VirtioGuest.Labs.Grader.Students;
using VirtioGuest.Simulation;

namespace VirtioGuest.Labs.Grader.Checks;

/// <summary>Lab 4: the first sector of a disk.</summary>
internal static class SectorChecks
{
    private const ushort Block = 2;
    private const int Sectors = 64;

    public static IReadOnlyList<LabCheck> All { get; } =
    [
        new LabCheck("reads the capacity, of one moment", 15, "virtio 1.4, 2.5.1 and 5.2.4", ReadsCapacity),
        new LabCheck("reads the first sector", 25, "virtio 1.4, 5.2.6", ReadsFirst),
        new LabCheck("reads the sector that it was asked for", 15, "virtio 1.4, 5.2.6", ReadsAny),
        new LabCheck("looks at the status byte", 15, "virtio 1.4, 5.2.6", LooksAtStatus),
        new LabCheck("goes on for many requests", 10, "virtio 1.4, 2.7.13", GoesOn),
        new LabCheck("publishes with release, and takes with acquire", 20, "virtio 1.4, 2.7.13.2", Ordered),
    ];

    private static void ReadsCapacity(StudentCode code)
    {
        const ulong Before = 0x1_0000_0000;
        const ulong After = 0xFFFF_FFFE;
        using LabRig rig = Rig();
        SectorReader driver = Start(code, rig);
        BitConverter.TryWriteBytes(rig.Model.ConfigurationStore, 0x1_0000_0040UL);
        ulong quiet = rig.Do("ReadCapacity", driver.ReadCapacity);
        Expect.That(
            quiet == 0x1_0000_0040UL,
            $"ReadCapacity gave 0x{quiet:x} for a disk of 0x100000040 sectors",
            "64 bits, the low half at offset 0 and the high half at offset 4, each read with 32 bits");
        BitConverter.TryWriteBytes(rig.Model.ConfigurationStore, Before);
        int reads = 0;
        rig.Model.BeforeConfigurationRead = () =>
        {
            if (++reads == 2)
            {
                rig.Model.ChangeConfiguration(
                    () => BitConverter.TryWriteBytes(rig.Model.ConfigurationStore, After));
            }
        };
        ulong changing = driver.ReadCapacity();
        Expect.That(
            changing is Before or After,
            $"the capacity changed from 0x{Before:x} to 0x{After:x} while it was read, and ReadCapacity gave "
                + $"0x{changing:x}: half old, half new",
            "config_generation is read before and after; where it differs, all is read again");
        rig.Judge();
    }

    private static void ReadsFirst(StudentCode code)
    {
        using LabRig rig = Rig();
        SectorReader driver = Start(code, rig);
        Same(rig.Do("ReadSector(0)", () => driver.ReadSector(0)), 0);
    }

    private static void ReadsAny(StudentCode code)
    {
        using LabRig rig = Rig();
        SectorReader driver = Start(code, rig);
        foreach (ulong sector in new ulong[] { 7, 3, Sectors - 1 })
        {
            Same(rig.Do($"ReadSector({sector})", () => driver.ReadSector(sector)), sector);
        }
    }

    private static void LooksAtStatus(StudentCode code)
    {
        using LabRig rig = Rig();
        ((BlockDevice)rig.Model).Faults = new BadSector(5);
        SectorReader driver = Start(code, rig);
        Same(rig.Do("ReadSector(4)", () => driver.ReadSector(4)), 4);
        byte[]? bad = rig.Do("ReadSector(5)", () => driver.ReadSector(5));
        Expect.That(
            bad is null,
            "the device answered with status IOERR (1), and ReadSector gave 512 bytes as if all were well",
            "null: the last byte of the request is 0 only where the sector was read");
        Same(rig.Do("ReadSector(6)", () => driver.ReadSector(6)), 6);
    }

    private static void GoesOn(StudentCode code)
    {
        using LabRig rig = Rig();
        SectorReader driver = Start(code, rig);
        for (ulong round = 0; round < 100; round++)
        {
            ulong sector = round * 13 % Sectors;
            Same(rig.Do($"ReadSector({sector})", () => driver.ReadSector(sector)), sector);
        }
    }

    private static void Ordered(StudentCode code) => WeakRig.Explore(
        memory => Disk(memory, 2),
        Block,
        (lab, device) =>
        {
            SectorReader driver = code.Create<SectorReader>();
            driver.Start(lab, device);
            return driver;
        },
        (driver, _) =>
        {
            byte[]? bytes = driver.ReadSector(1);
            Scenario.Require(
                bytes is not null && bytes.AsSpan().SequenceEqual(Content(1)),
                "ReadSector gave what was in the buffer before the device had filled it, or an old status");
        });

    private static LabRig Rig() => new(
        memory => Disk(memory, Sectors), FeatureBit.Version1, passedOver: ["drv.general.14"]);

    /// <summary>A disk whose sectors are all different.</summary>
    internal static BlockDevice Disk(Devices.Memory.GuestMemory memory, int sectors)
    {
        BlockDevice disk = new BlockDevice(memory, sectors);
        for (int i = 0; i < sectors; i++)
        {
            Content((ulong)i).CopyTo(disk.Disk[(512 * i)..]);
        }

        return disk;
    }

    /// <summary>What a sector holds.</summary>
    internal static byte[] Content(ulong sector)
    {
        byte[] bytes = new byte[512];
        for (int i = 0; i < bytes.Length; i++)
        {
            bytes[i] = (byte)((sector * 31) + (ulong)(i * 7) + 1);
        }

        return bytes;
    }

    private static SectorReader Start(StudentCode code, LabRig rig)
    {
        VirtioFunction device = rig.Negotiated(Block);
        SectorReader driver = code.Create<SectorReader>();
        rig.Do("Start", () => driver.Start(rig.Lab, device));
        return driver;
    }

    private static void Same(byte[]? bytes, ulong sector)
    {
        Expect.That(
            bytes is not null,
            $"ReadSector({sector}) gave null: the device answered with an error, or its status was misread",
            "512 bytes: sector counts units of 512 bytes, and the byte behind the data is 0 for success");
        Expect.That(
            bytes!.Length == 512, $"ReadSector({sector}) gave {bytes.Length} bytes", "512 bytes, without status");
        byte[] expected = Content(sector);
        int at = bytes.AsSpan().CommonPrefixLength(expected);
        string other = string.Empty;
        for (ulong each = 0; each < Sectors && at < 512; each++)
        {
            other = bytes.AsSpan().SequenceEqual(Content(each)) ? $": they are those of sector {each}" : other;
        }

        Expect.That(
            at == 512,
            $"ReadSector({sector}) gave other bytes than the disk has, from byte {at} on{other}",
            "the bytes of the sector: the device writes them where a descriptor with WRITE says, before idx of the "
                + "used ring changes");
    }
}

/// <summary>A disk with a sector that cannot be read.</summary>
internal sealed class BadSector(ulong bad) : BlockFaults
{
    /// <inheritdoc/>
    public override BlockStatus? Fault(uint type, ulong sector, ulong length) =>
        sector == bad ? BlockStatus.IoError : null;
}
