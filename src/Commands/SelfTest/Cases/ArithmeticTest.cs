using VirtioGuest.Commands.Data;
using VirtioGuest.Hal.Text;
using VirtioGuest.Pci;
using VirtioGuest.Volumes;

namespace VirtioGuest.Commands.SelfTest.Cases;

/// <summary>Checksums and patterns have their published values, and floating point works.</summary>
public sealed class ArithmeticTest : SelfTestCase
{
    private static readonly byte[] s_digits = { 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39 };

    public ArithmeticTest()
        : base("checksums, patterns and floating point are right")
    {
    }

    /// <inheritdoc/>
    public override SelfTestResult Run()
    {
        var checksum = new Crc32();
        checksum.Append(s_digits);
        if (checksum.Value != 0xCBF43926)
        {
            return SelfTestResult.Failed("CRC-32 of 123456789 is " + Hexadecimal.Format(checksum.Value, 8));
        }

        if (SplitMix64.Mix(0) != 0xE220A8397B1DCDAF)
        {
            return SelfTestResult.Failed("splitmix64(0) is " + Hexadecimal.Format(SplitMix64.Mix(0), 16));
        }

        double sum = 0;
        for (int term = 1; term <= 1000; term++)
        {
            sum += 1.0 / term;
        }

        return SelfTestResult.Expect(sum is > 7.48547086055 and < 7.48547086056, "the harmonic sum is off");
    }
}
