using NUnit.Framework;
using VirtioGuest.LibOS.Cpu;

namespace VirtioGuest.LibOS.Tests;

/// <summary>Which extended registers are saved, and how: what CPUID promises counts only where it holds.</summary>
[TestFixture]
internal sealed unsafe class ProcessorFeaturesTests
{
    private const ulong Avx = 0x7;
    private const ulong Avx512 = 0xE7;

    [TearDown]
    public void ForgetProcessor() => Processor.Features = null;

    [TestCase(0x3u, 0x3ul, 576u)]
    [TestCase(0x7u, Avx, 832u)]
    [TestCase(0xE7u, Avx512, 2688u)]
    public void XSave_that_works_saves_what_there_is(uint promised, ulong components, uint length)
    {
        ExpectXSave(new FakeFeatures { Promised = promised }, components, length);
    }

    [TestCase(0x6_02E7u, Avx512, TestName = "PKRU and AMX stay off")]
    [TestCase(0x8_0007u, Avx, TestName = "APX stays off")]
    [TestCase(0x67u, Avx, TestName = "AVX-512 in part stays off")]
    [TestCase(0xE3u, 0x3ul, TestName = "AVX-512 without AVX stays off")]
    [TestCase(0x1Fu, Avx, TestName = "MPX stays off")]
    public void Only_what_is_wanted_and_can_be_loaded_is_turned_on(uint promised, ulong components)
    {
        ExpectXSave(new FakeFeatures { Promised = promised }, components, null);
    }

    [Test]
    public void XSave_without_its_optimization_is_used_as_it_is()
    {
        ExpectXSave(new FakeFeatures { Promised = 0x7, HasSaveOptimization = false }, Avx, 832);
    }

    [Test]
    public void A_processor_without_XSave_saves_by_FXSave()
    {
        var processor = new FakeFeatures();
        ExpectFXSave(processor);
    }

    [Test]
    public void XSave_without_extensions_is_left_off()
    {
        ExpectFXSave(new FakeFeatures { Promised = 7, HasExtensions = false });
    }

    [TestCase(0x3u)]
    [TestCase(0x7u)]
    [TestCase(0xE7u)]
    public void XSetBv_without_effect_falls_back_to_FXSave_and_hides_AVX(uint promised)
    {
        ExpectFXSave(new FakeFeatures { Promised = promised, HasWorkingXSetBv = false });
    }

    [TestCase(0x7u)]
    [TestCase(0xE7u)]
    public void An_area_that_does_not_grow_falls_back_to_FXSave_and_hides_AVX(uint promised)
    {
        ExpectFXSave(new FakeFeatures { Promised = promised, AreaGrows = false });
    }

    [Test]
    public void An_area_too_large_with_AVX_512_is_used_without()
    {
        ExpectXSave(new FakeFeatures { Promised = 0xE7, ExtraLength = 2048 }, Avx, 832 + 2048);
    }

    [Test]
    public void An_area_larger_than_a_page_falls_back_to_FXSave()
    {
        ExpectFXSave(new FakeFeatures { Promised = 0xE7, ExtraLength = 4096 });
    }

    [Test]
    public void State_from_the_program_is_made_loadable()
    {
        var area = stackalloc byte[(int)ExtendedState.AreaLength];
        var source = stackalloc byte[(int)ExtendedState.AreaLength];
        new System.Span<byte>(source, 832).Fill(0xFF);
        var features = new ProcessorFeatures { XSaveComponents = Avx, ExtendedLength = 832 };

        ExtendedState.Load(area, source, &features);

        Assert.That(*(uint*)(area + 24), Is.EqualTo(0xFFFF), "reserved bits of MXCSR");
        Assert.That(*(ulong*)(area + 512), Is.EqualTo(Avx), "components that are off");
        for (int word = 1; word < 8; word++)
        {
            Assert.That(((ulong*)(area + 512))[word], Is.Zero, "the rest of the header");
        }

        Assert.That(area[831], Is.EqualTo(0xFF));
        Assert.That(area[832], Is.Zero);
    }

    [Test]
    public void No_state_from_the_program_is_the_initial_state()
    {
        var area = stackalloc byte[(int)ExtendedState.AreaLength];
        new System.Span<byte>(area, (int)ExtendedState.AreaLength).Fill(0xFF);
        var features = new ProcessorFeatures { XSaveComponents = Avx, ExtendedLength = 832 };

        ExtendedState.Load(area, null, &features);

        Assert.That(*(ushort*)area, Is.EqualTo(0x37F));
        Assert.That(*(uint*)(area + 24), Is.EqualTo(0x1F80));
        Assert.That(*(ulong*)(area + 160), Is.Zero, "XMM0");
        Assert.That(*(ulong*)(area + 512), Is.Zero);
    }

    [TestCase(0x0000_0001u, (byte)15, 1u << 15, 0u, true)]
    [TestCase(0x0000_0001u, (byte)15, 1u << 14, 0u, false)]
    [TestCase(0x8000_0001u, (byte)29, 0u, 1u << 29, true)]
    [TestCase(0x8000_0001u, (byte)29, 1u << 29, 0u, false)]
    public void Required_feature_is_looked_for_where_the_table_says(
        uint leaf, byte bit, uint basic, uint extended, bool expected)
    {
        Processor.Features = new FakeFeatures { BasicEdx = basic, ExtendedEdx = extended };
        var feature = new RequiredFeature { Leaf = leaf, Bit = bit };

        Assert.That(RequiredFeatures.Has(&feature), Is.EqualTo(expected));
    }

    [Test]
    public void Required_feature_of_a_function_that_is_not_there_is_missing()
    {
        Processor.Features = new FakeFeatures { ExtendedEdx = uint.MaxValue, HighestExtended = 0x8000_0000 };
        var feature = new RequiredFeature { Leaf = 0x8000_0001, Bit = 29 };

        Assert.That(RequiredFeatures.Has(&feature), Is.False);
    }

    private static void ExpectXSave(FakeFeatures processor, ulong components, uint? length)
    {
        (ProcessorFeatures features, PerCpu cpu) = Enable(processor);
        ExtendedSave expected = processor.HasSaveOptimization ? ExtendedSave.XSaveOpt : ExtendedSave.XSave;
        Assert.That(cpu.SaveKind, Is.EqualTo(expected));
        Assert.That(features.XSaveComponents, Is.EqualTo(components));
        Assert.That(processor.Xcr0, Is.EqualTo(components));
        Assert.That(processor.IsXSaveOn, Is.True);
        if (length is not null)
        {
            Assert.That(features.ExtendedLength, Is.EqualTo(length));
        }
    }

    private static void ExpectFXSave(FakeFeatures processor)
    {
        (ProcessorFeatures features, PerCpu cpu) = Enable(processor);
        Assert.That(cpu.SaveKind, Is.EqualTo(ExtendedSave.FXSave));
        Assert.That(features.XSaveComponents, Is.Zero);
        Assert.That(features.ExtendedLength, Is.EqualTo(512));
        Assert.That(processor.IsXSaveOn, Is.False, "with XSAVE on, the program would find AVX");
    }

    private static (ProcessorFeatures Features, PerCpu Cpu) Enable(FakeFeatures processor)
    {
        Processor.Features = processor;
        var cpu = default(PerCpu);
        ProcessorFeatures features = ProcessorFeatures.Detect();
        features.Enable(&cpu);
        return (features, cpu);
    }
}
