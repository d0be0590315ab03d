using System;
using System.Buffers.Binary;
using System.IO;
using System.Linq;
using System.Text;
using NUnit.Framework;
using VirtioGuest.Build.Image;

namespace VirtioGuest.Build.Tests;

/// <summary>The gate becomes a segment of the ELF file, and the note that QEMU reads names it.</summary>
internal sealed class PvhGateTests
{
    private const uint Load = 1;
    private const uint Note = 4;
    private const uint Stack = 0x6474E551;
    private const int HeaderSize = 64;
    private const int ProgramHeaderSize = 56;

    [Test]
    public void Gate_is_loaded_and_named_in_the_note()
    {
        byte[] code = [.. Enumerable.Range(1, 100).Select(value => (byte)value)];

        ElfFile file = Read(PvhGate.AddTo(Read(Kernel(Load, Note, Stack)), code));

        ElfSegment gate = file.Segments().Last();
        Assert.Multiple(() =>
        {
            Assert.That(gate.Type, Is.EqualTo(ElfSegmentType.Load));
            Assert.That(gate.Flags, Is.EqualTo(ElfSegmentFlags.Read | ElfSegmentFlags.Execute));
            Assert.That(gate.Address, Is.EqualTo((ulong)PvhGate.Address));
            Assert.That(gate.FileSize, Is.EqualTo((ulong)code.Length));
            Assert.That(file.Bytes.Slice((int)gate.Offset, code.Length).ToArray(), Is.EqualTo(code));
            Assert.That(() => KernelChecks.CheckPvhEntry(file, PvhGate.Address), Throws.Nothing);
        });
    }

    [Test]
    public void Everything_else_stays_as_it_was()
    {
        byte[] kernel = Kernel(Load, Note, Stack);

        ElfFile file = Read(PvhGate.AddTo(Read(kernel), [1, 2, 3]));

        Assert.That(file.Segments().First(), Is.EqualTo(Read(kernel).Segments().First()));
        Assert.That(file.Bytes[..HeaderSize].ToArray(), Is.EqualTo(kernel[..HeaderSize]));
    }

    [TestCase(new[] { Load, Stack }, "no PVH note")]
    [TestCase(new[] { Load, Note }, "no program header")]
    public void Kernel_without_a_place_for_the_gate_is_refused(uint[] headers, string why)
    {
        Assert.That(
            () => PvhGate.AddTo(Read(Kernel(headers)), [1]),
            Throws.TypeOf<BuildFailure>().With.Message.Contains(why));
    }

    private static byte[] Kernel(params uint[] headers)
    {
        int note = HeaderSize + (headers.Length * ProgramHeaderSize);
        byte[] file = new byte[note + 20];
        BinaryPrimitives.WriteUInt32LittleEndian(file, 0x464C457F);
        file[4] = 2;
        file[5] = 1;
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(32), HeaderSize);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(54), ProgramHeaderSize);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(56), (ushort)headers.Length);
        for (int i = 0; i < headers.Length; i++)
        {
            Span<byte> header = file.AsSpan(HeaderSize + (i * ProgramHeaderSize));
            BinaryPrimitives.WriteUInt32LittleEndian(header, headers[i]);
            BinaryPrimitives.WriteUInt64LittleEndian(header[8..], headers[i] == Note ? (ulong)note : 0);
            BinaryPrimitives.WriteUInt64LittleEndian(header[32..], headers[i] == Note ? 20ul : 0);
            BinaryPrimitives.WriteUInt64LittleEndian(header[48..], 4);
        }

        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(note), 4);
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(note + 4), 4);
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(note + 8), 18);
        Encoding.ASCII.GetBytes("Xen\0", file.AsSpan(note + 12));
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(note + 16), 0x1116160);
        return file;
    }

    private static ElfFile Read(byte[] bytes)
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, bytes);
            return ElfFile.Read(path);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
