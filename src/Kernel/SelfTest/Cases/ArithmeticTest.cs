using VirtioGuest.Kernel.Data;

namespace VirtioGuest.Kernel.SelfTest.Cases;

/// <summary>Checksums and patterns are what everybody else computes, and floating point keeps its state.</summary>
internal sealed class ArithmeticTest : SelfTestCase
{
    /// <summary>Creates the test.</summary>
    public ArithmeticTest()
        : base("checksums, patterns and floating point are right")
    {
    }

    /// <inheritdoc/>
    public override SelfTestResult Run()
    {
        var checksum = new Crc32();
        checksum.Append("123456789"u8);
        if (checksum.Value != 0xCBF43926)
        {
            return SelfTestResult.Failed($"CRC-32 of 123456789 is {checksum.Value:x8}");
        }

        if (SplitMix64.Mix(0) != 0xE220A8397B1DCDAF)
        {
            return SelfTestResult.Failed($"splitmix64(0) is {SplitMix64.Mix(0):x16}");
        }

        double sum = 0;
        for (int term = 1; term <= 1000; term++)
        {
            sum += 1.0 / term;
        }

        return SelfTestResult.Expect(sum is > 7.48547086055 and < 7.48547086056, "the harmonic sum is off");
    }
}
