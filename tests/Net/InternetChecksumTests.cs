using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using VirtioGuest.Net.Tests.Simulation;
using VirtioGuest.Net.Wire;

namespace VirtioGuest.Net.Tests;

public sealed class InternetChecksumTests
{
    [Test]
    public void The_example_of_RFC_1071_comes_out_right()
    {
        Assert.That(InternetChecksum.Compute(Frames.Hex("0001 f203 f4f5 f6f7")), Is.EqualTo(0x220D));
    }

    [TestCase("", ExpectedResult = 0xFFFF)]
    [TestCase("ffff", ExpectedResult = 0x0000)]
    [TestCase("01", ExpectedResult = 0xFEFF)]
    [TestCase("ffff ffff 01", ExpectedResult = 0xFEFF)]
    [TestCase("4500 0073 0000 4000 4011 0000 c0a8 0001 c0a8 00c7", ExpectedResult = 0xB861)]
    public int Known_messages_have_known_checksums(string message) => InternetChecksum.Compute(Frames.Hex(message));

    [Test]
    public void The_example_of_RFC_1624_is_updated_right()
    {
        Assert.That(InternetChecksum.Update(0xDD2F, 0x5555, 0x3285), Is.Zero);
    }

    [Test]
    public void It_agrees_with_the_plainest_implementation()
    {
        Prop.ForAll<byte[]>(data => InternetChecksum.Compute(data) == Frames.Checksum(data)).Check(Properties.Many);
    }

    [Test]
    public void Pieces_of_even_length_add_up()
    {
        Prop.ForAll<byte[], byte[]>((first, second) =>
        {
            byte[] even = first.Length % 2 == 0 ? first : [.. first, 0];
            ulong sum = InternetChecksum.Sum(second, InternetChecksum.Sum(even));
            return InternetChecksum.Finish(sum) == Frames.Checksum([.. even, .. second]);
        }).Check(Properties.Many);
    }

    [Test]
    public void An_update_gives_what_a_new_computation_gives()
    {
        Prop.ForAll<byte[], ushort, ushort>((rest, before, after) =>
        {
            // A message of zeros alone has the other of the two zeros as its sum.
            byte[] tail = [1, .. rest];
            ushort updated = InternetChecksum.Update(Frames.Checksum([.. Frames.Big(before), .. tail]), before, after);
            return updated == Frames.Checksum([.. Frames.Big(after), .. tail]);
        }).Check(Properties.Many);
    }

    [Test]
    public void A_message_with_its_checksum_is_correct_and_with_any_bit_changed_is_not()
    {
        Prop.ForAll<byte[], int>((data, bit) =>
        {
            byte[] even = data.Length % 2 == 0 ? data : [.. data, 0];
            byte[] message = [.. even, .. Frames.Big(Frames.Checksum(even))];
            bool wasCorrect = InternetChecksum.IsCorrect(message);
            int position = (int)((uint)bit % (uint)(message.Length * 8));
            message[position / 8] ^= (byte)(1 << (position % 8));
            return wasCorrect && !InternetChecksum.IsCorrect(message);
        }).Check(Properties.Many);
    }
}
