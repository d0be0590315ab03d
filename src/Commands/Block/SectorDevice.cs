using System;
using VirtioGuest.Commands.Text;
using VirtioGuest.Hal;
using VirtioGuest.Hal.Text;
using VirtioGuest.Pci;
using VirtioGuest.Volumes;

namespace VirtioGuest.Commands.Block;

/// <summary>A disk as commands and self-tests see it: sectors of 512 bytes, read and written in any number.</summary>
/// <remarks>
/// A call blocks until it is done, and ends in bounded time whatever the device does. A failure is a few words that can
/// follow the disk's name and a colon; null means success.
/// </remarks>
public abstract class SectorDevice : ReadableDisk
{
    /// <summary>The failure of every call with a range that does not lie on the disk.</summary>
    public static readonly Failure OutOfRange =
        new Failure("a sector lies beyond the end of the disk", isSentence: true);

    private const ulong SectorsPerPart = 128;

    private static readonly Failure NotOffered =
        new Failure("the device does not support the request", isSentence: true);

    /// <param name="name">What people call it, for example <c>disk0</c>.</param>
    protected SectorDevice(string name)
    {
        Name = name;
    }

    /// <summary>What people call it.</summary>
    public string Name { get; }

    /// <summary>Whether writes are refused.</summary>
    public abstract bool IsReadOnly { get; }

    /// <summary>Whether the device still takes requests.</summary>
    public abstract bool IsUsable { get; }

    /// <summary>How many queues its requests go through; 0 where nobody can tell.</summary>
    public virtual int QueueCount => 0;

    /// <summary>Its size for people, and whether it is read-only.</summary>
    public string Size => DescribeSize(SectorCount, IsReadOnly) + DescribeBlocks(BlockSize);

    /// <summary>A disk's size for people, and whether it is read-only.</summary>
    public static string DescribeSize(ulong sectorCount, bool isReadOnly) =>
        DecimalText.Of(sectorCount) + " sectors (" + ByteCount.Format(sectorCount * SectorSize) + ")"
        + (isReadOnly ? ", read-only" : "");

    /// <summary>A disk's block size for people, to follow its size; empty for the usual one.</summary>
    public static string DescribeBlocks(uint blockSize) =>
        blockSize <= SectorSize ? "" : ", blocks of " + DecimalText.Of(blockSize) + " bytes";

    /// <summary>Whether a range lies on the disk.</summary>
    public bool Contains(ulong firstSector, ulong count)
    {
        ulong sectorCount = SectorCount;
        return firstSector <= sectorCount && count <= sectorCount - firstSector;
    }

    /// <summary>Writes sectors. After a failure any part may have been written.</summary>
    /// <param name="firstSector">The first.</param>
    /// <param name="source">Their content, a multiple of 512 bytes.</param>
    /// <returns>Null, or why it failed.</returns>
    public abstract Failure? Write(ulong firstSector, byte[] source);

    /// <summary>Makes completed writes durable.</summary>
    /// <returns>Null, or why it failed.</returns>
    public abstract Failure? Flush();

    /// <summary>Gives sectors up, whose content is anything afterwards.</summary>
    /// <param name="firstSector">The first.</param>
    /// <param name="count">How many.</param>
    /// <returns>Null, or why it failed; then any part may have been done.</returns>
    public virtual Failure? Discard(ulong firstSector, ulong count) => NotOffered;

    /// <summary>Makes sectors read as zeroes.</summary>
    /// <inheritdoc cref="Discard"/>
    public virtual Failure? WriteZeroes(ulong firstSector, ulong count) => NotOffered;

    /// <summary>Erases sectors for good.</summary>
    /// <inheritdoc cref="Discard"/>
    public virtual Failure? SecureErase(ulong firstSector, ulong count) => NotOffered;

    /// <summary>Asks the disk what it calls itself.</summary>
    /// <param name="id">Its name; empty where it has none.</param>
    /// <returns>Null, or why it failed.</returns>
    public virtual Failure? ReadId(out string id)
    {
        id = string.Empty;
        return NotOffered;
    }

    /// <summary>Asks the disk how worn its storage is.</summary>
    /// <param name="lifetime">What it says, for people.</param>
    /// <returns>Null, or why it failed.</returns>
    public virtual Failure? ReadLifetime(out string lifetime)
    {
        lifetime = string.Empty;
        return NotOffered;
    }

    /// <summary>Asks the disk what it calls itself and how worn it is, for a list of disks.</summary>
    /// <returns>
    /// What it says, each part after a comma. What it does not offer fails as what it cannot do now, and is left out.
    /// </returns>
    public virtual string AskAboutItself()
    {
        bool hasId = ReadId(out string id) is null && id.Length != 0;
        bool hasLifetime = ReadLifetime(out string lifetime) is null;
        return (hasId ? ", serial \"" + id + "\"" : "") + (hasLifetime ? ", " + lifetime : "");
    }

    /// <summary>Whether completed writes are durable only once a flush is completed.</summary>
    public virtual bool IsWriteback => true;

    /// <summary>Sets that, and makes completed writes durable where it is turned off.</summary>
    /// <returns>Null, or why it failed.</returns>
    public virtual Failure? SetWriteback(bool isWriteback) => NotOffered;

    /// <summary>Reads a range, first sector to last, and shows it to a visitor in parts.</summary>
    /// <param name="firstSector">The first sector.</param>
    /// <param name="count">How many.</param>
    /// <param name="visitor">What is called for each part.</param>
    /// <returns>Null where everything was read or the visitor had seen enough; else why it failed.</returns>
    /// <remarks>
    /// One read after the other, of at most 64 KiB each; a machine that can have several in flight does better.
    /// </remarks>
    public virtual Failure? ReadRange(ulong firstSector, ulong count, SectorVisitor visitor)
    {
        if (!Contains(firstSector, count))
        {
            return OutOfRange;
        }

        byte[]? part = null;
        while (count != 0)
        {
            ulong sectors = Math.Min(count, SectorsPerPart);
            part = Room(part, sectors);
            Failure? failure = Read(firstSector, part);
            if (failure is not null || !visitor.Visit(firstSector, part))
            {
                return failure;
            }

            firstSector += sectors;
            count -= sectors;
        }

        return null;
    }

    /// <summary>
    /// Writes a range, first sector to last. After a failure any part may have been written.
    /// </summary>
    /// <param name="firstSector">The first sector.</param>
    /// <param name="count">How many.</param>
    /// <param name="source">Where their content comes from.</param>
    /// <returns>Null where everything was written or the source ended early; else why it failed.</returns>
    /// <remarks>As <see cref="ReadRange"/>.</remarks>
    public virtual Failure? WriteRange(ulong firstSector, ulong count, SectorSource source)
    {
        if (!Contains(firstSector, count))
        {
            return OutOfRange;
        }

        byte[]? part = null;
        while (count != 0)
        {
            ulong sectors = Math.Min(count, SectorsPerPart);
            part = Room(part, sectors);
            if (!source.Fill(firstSector, part))
            {
                return null;
            }

            Failure? failure = Write(firstSector, part);
            if (failure is not null)
            {
                return failure;
            }

            firstSector += sectors;
            count -= sectors;
        }

        return null;
    }

    // Read and Write take whole arrays, so a part that is shorter, as only the last can be, needs one of its own.
    private static byte[] Room(byte[]? last, ulong sectors)
    {
        int length = (int)sectors * SectorSize;
        return last is not null && last.Length == length ? last : new byte[length];
    }
}

/// <summary>Looks at the content while a range of a disk is read.</summary>
public abstract class SectorVisitor
{
    /// <summary>Looks at the next part of the range.</summary>
    /// <param name="sector">The number of its first sector.</param>
    /// <param name="data">Its content, valid until the call returns; a multiple of 512 bytes.</param>
    /// <returns>Whether to go on.</returns>
    public abstract bool Visit(ulong sector, ReadOnlySpan<byte> data);
}

/// <summary>Supplies the content while a range of a disk is written.</summary>
public abstract class SectorSource
{
    /// <summary>Fills in the next part of the range.</summary>
    /// <param name="sector">The number of its first sector.</param>
    /// <param name="data">The part, to be filled completely; a multiple of 512 bytes.</param>
    /// <returns>Whether to write it; if not, this part and all after it stay as they are on the disk.</returns>
    public abstract bool Fill(ulong sector, Span<byte> data);
}
