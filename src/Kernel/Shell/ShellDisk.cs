using System;
using System.Collections.Generic;
using System.Threading.Tasks;
using VirtioGuest.Commands.Block;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Services.Block;

namespace VirtioGuest.Kernel.Shell;

/// <summary>A disk as commands see it. Ranges are moved with several requests in flight.</summary>
internal sealed class ShellDisk : SectorDevice
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);

    private Task<string>? _asking;

    /// <summary>Shows a disk to commands.</summary>
    public ShellDisk(Disk disk)
        : base(disk.Name)
    {
        Disk = disk;
    }

    /// <summary>The disk.</summary>
    public Disk Disk { get; }

    /// <inheritdoc/>
    public override ulong SectorCount => Disk.SectorCount;

    /// <inheritdoc/>
    public override uint BlockSize => Disk.BlockSize;

    /// <inheritdoc/>
    public override int QueueCount => Disk.Device.QueueCount;

    /// <inheritdoc/>
    public override bool IsReadOnly => Disk.IsReadOnly;

    /// <inheritdoc/>
    public override bool IsUsable => Disk.IsUsable;

    /// <summary>Shows disks to commands.</summary>
    public static ShellDisk[] Of(IReadOnlyList<Disk> disks)
    {
        var shown = new ShellDisk[disks.Count];
        for (int index = 0; index < shown.Length; index++)
        {
            shown[index] = new ShellDisk(disks[index]);
        }

        return shown;
    }

    /// <inheritdoc/>
    public override Failure? Read(ulong firstSector, byte[] destination) =>
        Failure(Disk.Read(firstSector, destination), firstSector, Sectors(destination));

    /// <inheritdoc/>
    public override Failure? Write(ulong firstSector, byte[] source) =>
        Failure(Disk.Write(firstSector, source), firstSector, Sectors(source));

    /// <inheritdoc/>
    public override Failure? Flush() => Failure(Disk.Flush(), 0, 0);

    /// <inheritdoc/>
    public override Failure? ReadRange(ulong firstSector, ulong count, SectorVisitor visitor)
    {
        var reader = new SectorReader(Disk, firstSector, count);
        try
        {
            while (reader.TryRead(out ulong sector, out ReadOnlySpan<byte> data) && visitor.Visit(sector, data))
            {
            }

            return Failure(reader.Status, firstSector, count);
        }
        finally
        {
            reader.Dispose();
        }
    }

    /// <inheritdoc/>
    public override Failure? WriteRange(ulong firstSector, ulong count, SectorSource source)
    {
        var writer = new SectorWriter(Disk, firstSector, count);
        try
        {
            while (writer.TryNext(out ulong sector, out Span<byte> data))
            {
                if (!source.Fill(sector, data))
                {
                    return null;
                }
            }

            return Failure(writer.Finish(), firstSector, count);
        }
        finally
        {
            writer.Dispose();
        }
    }

    /// <inheritdoc/>
    public override Failure? Discard(ulong firstSector, ulong count) =>
        Failure(Disk.Discard(firstSector, count), firstSector, count);

    /// <inheritdoc/>
    public override Failure? WriteZeroes(ulong firstSector, ulong count) =>
        Failure(Disk.WriteZeroes(firstSector, count, mayUnmap: true), firstSector, count);

    /// <inheritdoc/>
    public override Failure? SecureErase(ulong firstSector, ulong count) =>
        Failure(Disk.SecureErase(firstSector, count), firstSector, count);

    /// <inheritdoc/>
    public override Failure? ReadId(out string id) => Failure(Disk.ReadId(out id), 0, 0);

    /// <inheritdoc/>
    public override Failure? ReadLifetime(out string lifetime)
    {
        BlockStatus status = Disk.ReadLifetime(out BlockLifetime read);
        lifetime = read.ToString();
        return Failure(status, 0, 0);
    }

    /// <inheritdoc/>
    /// <remarks>
    /// A list of disks is for finding the one that is stuck, so none is waited for as long as it takes.
    /// </remarks>
    public override string AskAboutItself()
    {
        if (_asking is null || _asking.IsCompleted)
        {
            _asking = Task.Run(() => base.AskAboutItself());
        }

        return _asking.Wait(s_patience) ? _asking.Result : ", does not answer";
    }

    /// <inheritdoc/>
    public override bool IsWriteback => Disk.Device.IsWriteback;

    /// <inheritdoc/>
    public override Failure? SetWriteback(bool isWriteback) => Failure(Disk.SetWriteback(isWriteback), 0, 0);

    /// <summary>A status as commands take it.</summary>
    /// <param name="status">The status.</param>
    /// <param name="firstSector">The first sector of what it is about.</param>
    /// <param name="count">How many sectors that had.</param>
    /// <returns>Null for success, else what it means.</returns>
    public Failure? Failure(BlockStatus status, ulong firstSector, ulong count)
    {
        if (status == BlockStatus.Ok)
        {
            return null;
        }

        if (status == BlockStatus.OutOfRange)
        {
            return OutOfRange;
        }

        string size = status == BlockStatus.Unaligned ? " of " + BlockSize.ToString() + " bytes" : "";
        return new Failure(status.Describe() + size, isSentence: true);
    }

    private static ulong Sectors(byte[] data) => (uint)data.Length / SectorSize;
}
