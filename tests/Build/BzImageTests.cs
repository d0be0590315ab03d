using System;
using System.Buffers.Binary;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Build.Image;

namespace VirtioGuest.Build.Tests;

/// <summary>The header of the bzImage says where its parts are (Linux/x86 boot protocol).</summary>
internal sealed class BzImageTests
{
    [TestCase(512, 0)]
    [TestCase(600, 1)]
    [TestCase(1024, 1)]
    public void Compose_puts_the_parts_where_the_header_says(int setupLength, int setupSectors)
    {
        byte[] setup = [.. Enumerable.Repeat((byte)0, setupLength)];
        byte[] loader = [.. Enumerable.Repeat((byte)0xAA, 48)];
        byte[] kernel = [.. Enumerable.Repeat((byte)0xBB, 100)];

        byte[] image = BzImage.Compose(setup, loader, kernel, end: 0x1200000);

        int protectedMode = (image[0x1F1] + 1) * 512;
        Assert.Multiple(() =>
        {
            Assert.That(image[0x1F1], Is.EqualTo(setupSectors));
            Assert.That(image[protectedMode], Is.EqualTo(0xAA));
            Assert.That(image[protectedMode + loader.Length], Is.EqualTo(0xBB));
            Assert.That(
                BinaryPrimitives.ReadUInt32LittleEndian(image.AsSpan(0x1F4)) * 16,
                Is.EqualTo(image.Length - protectedMode));
            Assert.That(BinaryPrimitives.ReadUInt32LittleEndian(image.AsSpan(0x260)), Is.EqualTo(0x1100000));
        });
    }

    [Test]
    public void Compose_refuses_a_kernel_that_would_overwrite_itself()
    {
        byte[] kernel = new byte[15 << 20];

        Assert.That(
            () => BzImage.Compose(new byte[512], new byte[16], kernel, 0x2000000), Throws.TypeOf<BuildFailure>());
    }
}
