// Showers from a bundle of `caloforge export --target generic`, with ONNX Runtime and nothing else.
//   sample BUNDLE/model.onnx ENERGY_IN_MEV SHOWERS SEED
// prints the energy in all cells of each shower, MeV. Noise is an input of the graph, so it comes from the caller's own
// engine: here std::mt19937, in Geant4 CLHEP's.
#include <onnxruntime_cxx_api.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <numeric>
#include <random>
#include <string>
#include <vector>

int main(int argc, char** argv) try {
  if (argc != 5) {
    std::cerr << "usage: " << argv[0] << " model.onnx energy/MeV showers seed\n";
    return 2;
  }
  const float energy = std::strtof(argv[2], nullptr);
  const std::int64_t n = std::strtoll(argv[3], nullptr, 10);
  std::mt19937 engine(static_cast<unsigned>(std::strtoul(argv[4], nullptr, 10)));
  std::normal_distribution<float> normal(0.f, 1.f);

  Ort::Env env(ORT_LOGGING_LEVEL_ERROR, "caloforge");
  Ort::SessionOptions options;
  options.SetIntraOpNumThreads(1);  // one session a thread of the simulation
  Ort::Session session(env, argv[1], options);

  // Inputs by name: noise (n, M), energy (n) and, where the model knows them, pdg, theta, phi (n).
  Ort::AllocatorWithDefaultOptions allocator;
  auto memory = Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeCPU);
  std::vector<std::string> names;
  std::vector<std::vector<float>> numbers(session.GetInputCount());
  std::vector<std::int64_t> pdg(n, 11);
  std::vector<Ort::Value> inputs;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    names.emplace_back(session.GetInputNameAllocated(i, allocator).get());
    auto shape = session.GetInputTypeInfo(i).GetTensorTypeAndShapeInfo().GetShape();
    shape[0] = n;
    if (names.back() == "pdg") {
      inputs.push_back(Ort::Value::CreateTensor<std::int64_t>(memory, pdg.data(), pdg.size(), shape.data(), shape.size()));
      continue;
    }
    auto& values = numbers[i];
    values.assign(shape.size() == 2 ? n * shape[1] : n, names.back() == "energy" ? energy : 0.f);
    if (names.back() == "noise")
      for (auto& value : values) value = normal(engine);
    inputs.push_back(Ort::Value::CreateTensor<float>(memory, values.data(), values.size(), shape.data(), shape.size()));
  }

  std::vector<const char*> input_names;
  for (const auto& name : names) input_names.push_back(name.c_str());
  const auto output_name = session.GetOutputNameAllocated(0, allocator);
  const char* output_names[] = {output_name.get()};
  auto outputs = session.Run(Ort::RunOptions{}, input_names.data(), inputs.data(), inputs.size(), output_names, 1);
  const float* cells = outputs[0].GetTensorData<float>();
  const std::int64_t width = outputs[0].GetTensorTypeAndShapeInfo().GetShape()[1];
  std::cout.precision(9);
  for (std::int64_t i = 0; i < n; ++i) std::cout << std::accumulate(cells + i * width, cells + (i + 1) * width, 0.) << '\n';
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
