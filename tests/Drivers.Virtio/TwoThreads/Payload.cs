using System;
using System.Buffers.Binary;

namespace VirtioGuest.Drivers.Virtio.Tests.TwoThreads;

/// <summary>
/// What a request carries and what its answer must be: bytes that nobody could have guessed, with a checksum over them.
/// </summary>
/// <remarks>Both are <c>{ le32 number; le32 length of the answer; le32 checksum; bytes }</c>.</remarks>
internal static class Payload
{
    /// <summary>How many bytes come before the content.</summary>
    public const int HeaderLength = 12;

    private const uint AnswerSalt = 0x5EED_0A75;

    /// <summary>Writes a request.</summary>
    public static void Ask(Span<byte> request, uint number, int answerLength) =>
        Write(request, number, answerLength, number);

    /// <summary>Writes the answer to a request.</summary>
    public static void Answer(Span<byte> answer, uint number) =>
        Write(answer, number, answer.Length, number ^ AnswerSalt);

    /// <summary>Reads a request; throws where a byte of it is wrong.</summary>
    public static (uint Number, int AnswerLength) Check(ReadOnlySpan<byte> request)
    {
        uint number = BinaryPrimitives.ReadUInt32LittleEndian(request);
        Check(request, number, number);
        return (number, BinaryPrimitives.ReadInt32LittleEndian(request[4..]));
    }

    /// <summary>Reads an answer; throws where a byte of it is wrong.</summary>
    public static void CheckAnswer(ReadOnlySpan<byte> answer, uint number) =>
        Check(answer, number, number ^ AnswerSalt);

    private static void Write(Span<byte> bytes, uint number, int answerLength, uint salt)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, number);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[4..], answerLength);
        Span<byte> content = bytes[HeaderLength..];
        for (int i = 0; i < content.Length; i++)
        {
            content[i] = Byte(salt, i);
        }

        BinaryPrimitives.WriteUInt32LittleEndian(bytes[8..], Sum(content, salt));
    }

    private static void Check(ReadOnlySpan<byte> bytes, uint number, uint salt)
    {
        ReadOnlySpan<byte> content = bytes[HeaderLength..];
        bool isRight = BinaryPrimitives.ReadUInt32LittleEndian(bytes) == number
            && BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]) == Sum(content, salt);
        for (int i = 0; i < content.Length; i++)
        {
            isRight &= content[i] == Byte(salt, i);
        }

        if (!isRight)
        {
            throw new InvalidOperationException($"payload {number} is not what was sent");
        }
    }

    private static byte Byte(uint salt, int index) => (byte)(((salt + (uint)index) * 2654435761u) >> 13);

    private static uint Sum(ReadOnlySpan<byte> content, uint salt)
    {
        uint sum = salt;
        foreach (byte value in content)
        {
            sum = ((sum << 5) | (sum >> 27)) ^ value;
        }

        return sum;
    }
}
