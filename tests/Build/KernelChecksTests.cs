using System;
using System.Buffers.Binary;
using NUnit.Framework;
using VirtioGuest.Build.Image;

namespace VirtioGuest.Build.Tests;

/// <summary>The build refuses a kernel that a boot loader or the W^X rule would refuse.</summary>
internal sealed class KernelChecksTests
{
    private const ElfSegmentFlags ReadOnly = ElfSegmentFlags.Read;
    private const ElfSegmentFlags ReadWrite = ElfSegmentFlags.Read | ElfSegmentFlags.Write;

    [Test]
    public void Separate_and_aligned_segments_are_accepted()
    {
        ElfSegment[] segments =
        [
            Segment(0x1000000, ReadOnly),
            Segment(0x1001000, ReadOnly | ElfSegmentFlags.Execute),
            Segment(0x1002000, ReadWrite),
        ];

        Assert.That(() => KernelChecks.CheckSegments(segments), Throws.Nothing);
    }

    [Test]
    public void Segment_that_is_writable_and_executable_is_refused()
    {
        ElfSegment[] segments = [Segment(0x1000000, ReadWrite | ElfSegmentFlags.Execute)];

        Assert.That(
            () => KernelChecks.CheckSegments(segments),
            Throws.TypeOf<BuildFailure>().With.Message.Contains("writable and executable"));
    }

    [TestCase(0x1000800UL, "start on a page")]
    [TestCase(0xFFF000UL, "below 16 MB")]
    public void Segment_at_a_wrong_address_is_refused(ulong address, string why)
    {
        ElfSegment[] segments = [Segment(address, ReadOnly)];

        Assert.That(
            () => KernelChecks.CheckSegments(segments), Throws.TypeOf<BuildFailure>().With.Message.Contains(why));
    }

    [TestCase(0)]
    [TestCase(32768 - 16)]
    public void Multiboot2_header_is_found(int at)
    {
        Assert.That(KernelChecks.FindMultiboot2Header(FileWithHeader(at)), Is.EqualTo(at));
    }

    [TestCase(4)]
    [TestCase(32768)]
    public void Multiboot2_header_that_is_misaligned_or_too_late_is_not_found(int at)
    {
        Assert.That(KernelChecks.FindMultiboot2Header(FileWithHeader(at)), Is.EqualTo(-1));
    }

    [Test]
    public void Multiboot2_header_with_a_wrong_checksum_is_not_found()
    {
        byte[] file = FileWithHeader(0);
        file[12] ^= 1;

        Assert.That(KernelChecks.FindMultiboot2Header(file), Is.EqualTo(-1));
    }

    private static ElfSegment Segment(ulong address, ElfSegmentFlags flags) =>
        new(ElfSegmentType.Load, flags, address % 0x1000, address, 0x10, 0x10, 0x1000);

    private static byte[] FileWithHeader(int at)
    {
        byte[] file = new byte[65536];
        Span<byte> header = file.AsSpan(at, 16);
        BinaryPrimitives.WriteUInt32LittleEndian(header, 0xE85250D6);
        BinaryPrimitives.WriteUInt32LittleEndian(header[8..], 16);
        BinaryPrimitives.WriteUInt32LittleEndian(header[12..], unchecked(0u - (0xE85250D6 + 16)));
        return file;
    }
}
