using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;

namespace VirtioGuest.Kernel.Tests.Fakes;

/// <summary>Puts AML together (ACPI 6.5, 20.2).</summary>
internal static class AmlBytes
{
    /// <summary>A definition block: a header that nobody looks at, and terms.</summary>
    public static byte[] Block(params byte[][] terms) => [.. new byte[36], .. Join(terms)];

    public static byte[] Scope(string name, params byte[][] terms) => [0x10, .. Sized(Text(name), terms)];

    public static byte[] Device(string name, params byte[][] terms) => [0x5B, 0x82, .. Sized(Text(name), terms)];

    public static byte[] Method(string name, params byte[] body) => [0x14, .. Sized(Text(name), [[0], body])];

    public static byte[] Name(string name, byte[] value) => [0x08, .. Text(name), .. value];

    public static byte[] Word(uint value) => [0x0C, .. BitConverter.GetBytes(value)];

    public static byte[] String(string text) => [0x0D, .. Text(text), 0];

    public static byte[] Buffer(byte[] bytes) =>
        [0x11, .. Sized([0x0B, .. BitConverter.GetBytes((ushort)bytes.Length)], [bytes])];

    public static byte[] Package(params byte[][] elements) => [0x12, .. Sized([(byte)elements.Length], elements)];

    public static byte[] Region(string name, byte space, uint start, uint length) =>
        [0x5B, 0x80, .. Text(name), space, .. Word(start), .. Word(length)];

    /// <summary>Fields of a region: a name and its bits, or a gap where the name is empty.</summary>
    public static byte[] Fields(string region, params (string Name, int Bits)[] fields) =>
    [
        0x5B, 0x81, .. Sized(
            Text(region),
            [[0x03], .. fields.Select(Field)]),
    ];

    /// <summary>A resource template of memory and an interrupt.</summary>
    public static byte[] Resources(uint start, uint length, uint line) =>
    [
        0x86, 9, 0, 1, .. BitConverter.GetBytes(start), .. BitConverter.GetBytes(length),
        0x89, 6, 0, 1, 1, .. BitConverter.GetBytes(line),
        0x79, 0,
    ];

    private static byte[] Field((string Name, int Bits) field) =>
        [.. field.Name.Length == 0 ? [0] : Text(field.Name), .. Length(field.Bits)];

    private static byte[] Text(string text) => Encoding.ASCII.GetBytes(text);

    private static byte[] Join(IEnumerable<byte[]> parts) => [.. parts.SelectMany(part => part)];

    // A PkgLength counts itself.
    private static byte[] Sized(byte[] head, byte[][] rest)
    {
        byte[] body = [.. head, .. Join(rest)];
        int own = body.Length < 0x3F ? 1 : body.Length < 0xFFD ? 2 : 3;
        return [.. Length(body.Length + own, own), .. body];
    }

    private static byte[] Length(int value, int bytes = 0)
    {
        bytes = bytes != 0 ? bytes : value < 0x40 ? 1 : value < 0x1000 ? 2 : 3;
        return bytes == 1
            ? [(byte)value]
            : [(byte)(((bytes - 1) << 6) | (value & 0xF)), .. Enumerable.Range(0, bytes - 1)
                .Select(index => (byte)(value >> (4 + (8 * index))))];
    }
}
